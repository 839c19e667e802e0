"""What is found out afterwards: how things went that were only observed, and whether a promoted playbook is set back.

Both belong to the transaction that stores a step: nothing else has to be read for it, and nobody sees half of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from aetherlink.agent_record import AgentRecord
from aetherlink.demotion import Demotion
from aetherlink.model import would_be
from aetherlink.model.actions import TAKEN_BACK_FACT, Action, ActionState, OutcomeStatus, Verdict
from aetherlink.model.decisions import Effect
from aetherlink.model.ids import ActionId
from aetherlink.model.incidents import Incident
from aetherlink.model.precision import TAKEN_BACK
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Finish, Step, World
from aetherlink.ports import Transaction

_BEFORE = "observed_before"  # the key of Action.facts: actions of the incident that were only observed, the last last
_MOST_BEFORE = 10


def remembering(earlier: Action | None, new: Action) -> Action:
    """The new action with the ids of those before it that were only observed: what happens now happens after them."""
    if earlier is None:
        return new
    before = [*_before(earlier), *([earlier.id] if earlier.decision.effect is Effect.OBSERVE else [])]
    return replace(new, facts={**new.facts, _BEFORE: before[-_MOST_BEFORE:]}) if before else new


def note_ends(transaction: Transaction, incident: Incident, step: Step, action: Action | None, now: datetime) -> None:
    """What was only observed before the action gets its end, once the incident is over or the action has helped."""
    helped = action is not None and action.verdict is Verdict.RECOVERED
    if action is None or not (isinstance(step.move, Finish) or (helped and step.action is action)):
        return
    is_looked_after = incident.acknowledged_at is not None
    how = would_be.BY_A_REPAIR if helped else would_be.BY_A_PERSON if is_looked_after else would_be.BY_ITSELF
    for earlier in _before(action):
        if ended := would_be.followed(transaction.actions.get(ActionId(earlier)), how, now):
            transaction.actions.put(truly_ended(transaction, ended))


def note_taken_back(transaction: Transaction, step: Step, now: datetime) -> None:
    """What a person had taken back bears the mark of it, and its incident tells, once that is done."""
    action = step.action
    if action is None or action.plan.restores is None or not _has_restored(action):
        return
    restored = transaction.actions.get(action.plan.restores)
    if restored is None or TAKEN_BACK_FACT in restored.facts:
        return
    fact = {"action_id": action.id, "by": action.requested_by, "at": now.isoformat()}
    transaction.actions.put(replace(restored, facts={**restored.facts, TAKEN_BACK_FACT: fact}))
    incident = None if restored.incident_id is None else transaction.incidents.get(restored.incident_id)
    if incident is None:
        return
    text = f"taken back: {action.plan.words}, {action.requested_by} wanted it ({action.reason})"
    told = Entry(EventKind.UNDONE, now, text, {**fact, "undo_of": restored.id})
    transaction.incidents.update(replace(incident, updated_at=now), [told])


def _has_restored(action: Action) -> bool:
    is_done = action.outcome is not None and action.outcome.status in TAKEN_BACK
    return action.state is ActionState.FINISHED and is_done


def truly_ended(transaction: Transaction, action: Action) -> Action:
    """What seems to have ended by itself did not where somebody else did something to the target meanwhile."""
    then = action.facts.get(would_be.THEN_FACT)
    if not isinstance(then, dict) or then.get(would_be.HOW) != would_be.BY_ITSELF:
        return action
    since = transaction.actions.started_since(action.plan.target, action.created_at)
    if not any(map(_may_have_helped, since)):
        return action
    return replace(action, facts={**action.facts, would_be.THEN_FACT: {**then, would_be.HOW: would_be.BY_A_REPAIR}})


def set_back(
    transaction: Transaction, world: World, incident: Incident, step: Step, action: Action | None, *, now: datetime
) -> Iterator[Entry]:
    """Ends the promotion of a playbook whose repairs keep failing, and says so.

    Asked when a repair is given up, when the incident of one that failed ends by itself, and at each that fails: those
    of other incidents may have become known as failed only since then.
    """
    is_over = step.hands_off or isinstance(step.move, Finish)
    if action is None or not (step.hands_off or action.has_failed):
        return
    record = AgentRecord(ids=world.ids, source=incident.source)
    demotion = Demotion(record, world.demotion, lambda: world.playbooks)
    told = demotion.set_back(transaction, action.plan.playbook, incident_id=incident.id, now=now, is_over=is_over)
    if told is not None:
        yield told


def _may_have_helped(action: Action) -> bool:
    """Whether it was carried out, and nobody has found that it did not help."""
    is_done = action.outcome is not None and action.outcome.status is OutcomeStatus.DONE
    return is_done and action.plan.undo_of is None and action.verdict in (None, Verdict.RECOVERED)


def _before(action: Action) -> list[str]:
    stored = action.facts.get(_BEFORE, [])
    return [str(each) for each in stored] if isinstance(stored, list) else []
