"""Between a stage and the store: what a case is loaded from, and what a step makes of the stored incident.

Stages that wait for nothing outside follow one another without a commit between them: what they found is stored with
what comes next, in one transaction. Nothing is done outside before that.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from aetherlink.errors import ConflictError
from aetherlink.model import lifecycle
from aetherlink.model.actions import TAKEN_BACK_FACT, WRONG_FACT, Action, ActionState
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus, Stage
from aetherlink.model.lifecycle import State
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import hindsight, patience, strangers
from aetherlink.pipeline.step import Case, Continue, Finish, Step, Taken, Wait, World
from aetherlink.ports import Transaction

T = TypeVar("T")

_AFTER_A_TOUCH = timedelta(seconds=1)
_IN_A_STORM = timedelta(seconds=5)  # alerts join at every moment then: the rest wants room too
_FEW = 10  # alerts that fire: more of them are a storm
_MOST_FRESH = 100  # alerts looked at for a playbook at a time
_MOST_NAMED = 50
_SAID_MEANWHILE = (WRONG_FACT, TAKEN_BACK_FACT)  # the keys of Action.facts that no stage of its incident sets
_FOLLOWING = {Stage.PLAN: Stage.DECIDE, Stage.DECIDE: Stage.ACT}


def load(transaction: Transaction, world: World, incident_id: IncidentId) -> Case | None:
    """The open incident with what belongs to it, or None."""
    incident = transaction.incidents.get(incident_id)
    if incident is None or incident.status is not IncidentStatus.OPEN:
        return None
    action = None if incident.action_id is None else transaction.actions.get(incident.action_id)
    alerts, known, after = transaction.alerts, world.known_names, incident.planned_through
    newest = alerts.last_of(incident_id)
    fresh = alerts.actionable(incident_id, limit=_MOST_FRESH, after=after, names=known) if newest > after else []
    healed = patience.healed_at(world, action)
    others: list[str] = []
    if newest > after and known is not None and strangers.matter(incident):
        others = alerts.names_of(incident_id, limit=_MOST_NAMED, after=after, but=known, began_after=healed)
    planned = None if incident.plan is None else alerts.get(incident.plan.alert_id)
    return Case(
        incident,
        action,
        fresh=tuple(fresh),
        strangers=tuple(others),
        newest=newest if len(fresh) < _MOST_FRESH else fresh[-1].id,
        planned=planned if planned is not None and planned.may_be_acted_on else None,
        healed_at=healed,
    )


async def write(world: World, case: Case, work: Callable[[Transaction], T]) -> T | None:
    """Store what is unsaved of the case, then do the work in the same transaction; and tell of it.

    None when a person was quicker, so that nothing of it matters any more. Raises ConflictError, as the store does.
    """
    taken = tuple(case.unsaved)
    is_stored, result = await world.store.write(partial(_both, world=world, taken=taken, work=work))
    case.unsaved.clear()
    for each in taken if is_stored else ():
        each.tell()
    return result


def _both(
    transaction: Transaction, world: World, taken: Sequence[Taken], work: Callable[[Transaction], T]
) -> tuple[bool, T | None]:
    return (True, work(transaction)) if store(transaction, world, taken) else (False, None)


def following(case: Case, step: Step, at: datetime) -> Case | None:
    """The case of the next stage, where that waits for nothing and nobody has to hear of this step first.

    None: store the step, and look what is stored. Only with one alert and nobody beside it all that the next stage is
    given is known without a look.
    """
    stage, move = case.incident.stage, step.move
    if not isinstance(move, Continue) or move.at is not None or _FOLLOWING.get(stage) is not move.stage:
        return None
    is_told = step.escalated or step.hands_off or step.brakes or step.retired
    alert = case.fresh[0] if stage is Stage.PLAN and len(case.fresh) == 1 else case.planned
    is_alone = not case.strangers and all(each is alert for each in case.fresh)
    if is_told or not is_alone or alert is None or lifecycle.state_of(case.incident) is State.CLOSING:
        return None
    return replace(
        case,
        incident=_moved(_changed(case.incident, step, at), step, at, None),
        action=step.action or case.action,
        planned=alert,
        fresh=(),
        findings=step.findings,
    )


def store(transaction: Transaction, world: World, taken: Sequence[Taken]) -> bool:
    """The steps, in their order, applied to the incident as it is now: alerts may have come while the stages ran.

    False when a person has closed it meanwhile, or denied what it waited for: then they do not matter any more.
    """
    if not taken:
        return True
    case = taken[0].case
    stored = transaction.incidents.get(case.incident.id)
    if stored is not None and lifecycle.state_of(stored) is State.CLOSED:
        return False
    if stored is not None and _is_refused_meanwhile(transaction, case, stored):
        return False
    if stored is None or stored.stage is not case.incident.stage:
        raise ConflictError(f"incident {case.incident.id} was moved by somebody else while a stage ran")
    is_touched = stored.version != case.incident.version
    moved, entries = stored, list[Entry]()
    for each in taken:
        moved, told = _applied(transaction, world, moved, each, is_touched=is_touched)
        entries += told
    if not transaction.incidents.update(moved, entries):
        raise ConflictError(f"incident {case.incident.id} was changed by somebody else in the same transaction")
    return True


def _applied(
    transaction: Transaction, world: World, stored: Incident, taken: Taken, *, is_touched: bool
) -> tuple[Incident, list[Entry]]:
    """The incident after one step, with what is told of it. Its actions and brakes are stored."""
    step, now = taken.step, taken.at
    if is_touched and isinstance(step.move, Finish):  # perhaps something fires again: look once more before closing
        step = Step(Wait())
    for action in (step.retired, step.action):
        if action is not None:
            transaction.actions.put(hindsight.truly_ended(transaction, _with_what_people_said(transaction, action)))
    last = step.action or taken.case.action
    hindsight.note_ends(transaction, stored, step, last, now)
    hindsight.note_taken_back(transaction, step, now)
    changed = _changed(stored, step, now)
    braked = _braked(transaction, step, now)
    if braked and not step.escalated:
        changed = replace(changed, escalated_at=now)
    moved = _moved(changed, step, now, now + _pause(stored) if is_touched else None)
    entries = [*step.entries, *braked, *hindsight.set_back(transaction, world, stored, step, last, now=now)]
    if lifecycle.state_of(changed) is State.CLOSING and (step.action is None or not _runs(step.action)):
        moved, more = _closed(transaction, changed, now)
        entries += more
    return moved, entries


def _runs(action: Action) -> bool:
    return action.state is ActionState.RUNNING


def _changed(incident: Incident, step: Step, now: datetime) -> Incident:
    """What the step found, but for its move."""
    return replace(
        incident,
        plan=step.plan or incident.plan,
        planned_through=incident.planned_through if step.planned_through is None else step.planned_through,
        action_id=incident.action_id if step.action is None else step.action.id,
        verified_since=step.verified_since,
        escalated_at=now if step.escalated else incident.escalated_at,
        hands_off=incident.hands_off or step.hands_off,
        updated_at=now,
    )


def _is_refused_meanwhile(transaction: Transaction, case: Case, stored: Incident) -> bool:
    """Whether a person has denied the action, or taken it back, while a stage looked."""
    if case.incident.stage is not Stage.APPROVE or stored.stage is Stage.APPROVE or case.action is None:
        return False
    action = transaction.actions.get(case.action.id)
    return action is not None and action.state is ActionState.REFUSED


def _with_what_people_said(transaction: Transaction, action: Action) -> Action:
    """The action with the `wrong`, or with the yes, that a person may have said of it while a stage ran.

    And with the mark of its taking back, which is the work of another incident.
    """
    if action.state not in (ActionState.FINISHED, ActionState.WAITING_APPROVAL):
        return action
    stored = transaction.actions.get(action.id)
    if action.state is ActionState.WAITING_APPROVAL:
        return action if stored is None else _with_grants_of(stored, action)
    said = {} if stored is None else {key: stored.facts[key] for key in _SAID_MEANWHILE if key in stored.facts}
    return replace(action, facts={**said, **action.facts}) if said else action


def _with_grants_of(stored: Action, action: Action) -> Action:
    """The action with what was granted meanwhile to the very request that it still is."""
    then, now = stored.approval, action.approval
    is_same = then is not None and now is not None and then.plan_hash == now.plan_hash
    return replace(action, approval=then) if is_same else action


def _braked(transaction: Transaction, step: Step, now: datetime) -> tuple[Entry, ...]:
    """The brakes set, and what is said of those that were not set before."""
    return tuple(
        Entry(EventKind.BRAKED, now, f"a person has to look: {brake.words}", {"scope": brake.scope})
        for brake in step.brakes
        if transaction.brakes.put(brake)
    )


def _pause(incident: Incident) -> timedelta:
    """How long what was touched while a stage ran is left alone."""
    if incident.firing == 0:
        return timedelta(0)
    return _AFTER_A_TOUCH if incident.firing <= _FEW else _IN_A_STORM


def _closed(transaction: Transaction, incident: Incident, now: datetime) -> tuple[Incident, tuple[Entry, ...]]:
    """What a person wanted closed when its action has ended: closed, unless an alert has fired anew since then."""
    if not transaction.alerts.actionable(incident.id, after=incident.planned_through, limit=1):
        return lifecycle.settled(incident, at=now), ()
    entry = Entry(EventKind.REOPENED, now, "opened again: an alert fired anew while it was being closed")
    return lifecycle.reopened(incident, at=now), (entry,)


def _moved(incident: Incident, step: Step, now: datetime, again: datetime | None) -> Incident:
    """With `again` it is looked at then at the latest: it was touched meanwhile."""
    match step.move:
        case Continue(stage, at):
            return replace(incident, stage=stage, wake_at=_earlier(at or now, again))
        case Wait(until):
            return replace(incident, wake_at=_earlier(until, again))
        case Finish():
            return lifecycle.settled(incident, at=now)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)
