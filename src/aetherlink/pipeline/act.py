"""Stage act: decides once more, commits the intent, calls the executor once, and brings back the outcome.

The second decision is made inside the transaction that commits the intent, on what is true there: of several
incidents that want the same target at the same moment, one gets it. An action found running at the start of the stage
is one whose caller died between call and reply. It is looked at, never sent again: done when the target shows what was
wished, else unknown, and a person is called.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from aetherlink.errors import AetherError, ConflictError
from aetherlink.model.actions import (
    Action,
    ActionState,
    Outcome,
    OutcomeStatus,
    Release,
    Replicas,
    StartedAfter,
    Target,
    Verb,
    Wish,
)
from aetherlink.model.decisions import Decision, Effect, Evidence
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import decide
from aetherlink.pipeline.step import Case, Continue, Step, World
from aetherlink.ports import Executor, Transaction

_FRESH = timedelta(seconds=30)
_GOOD = frozenset({OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED})
_REFUSAL = "refusal"  # the key of Action.facts: why it was not carried out when its turn came
_RELEASE = "release"  # the key of Action.facts: which release a rollback wishes


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who does it, to what."""

    executor: Executor
    target: Target


async def run(world: World, case: Case) -> Step:
    """Continue to verify after a good outcome; else a person is called and the incident is watched."""
    action = case.action
    if action is None or action.state not in (ActionState.ALLOWED, ActionState.RUNNING):
        return Step(Continue(Stage.WATCH))
    if action.state is ActionState.RUNNING:
        return _finished(world, action, await _look(world, action))
    if world.clock.now() - action.created_at > _FRESH:
        return _refused(world, action, "the decision was too old when its turn came")
    try:
        hands, ready = await _prepare(world, action)
    except AetherError as problem:
        return _finished(world, action, Outcome(OutcomeStatus.FAILED, f"nothing was sent: {problem}"))
    evidence = await decide.evidence(world, case.incident.source, action.plan)
    started = await world.store.write(
        partial(_begin, world=world, incident=case.incident, action=ready, evidence=evidence)
    )
    if isinstance(started, Decision):
        return _refused(world, action, started.reason)
    outcome = await hands.executor.converge(hands.target, _wish(started), deadline=world.options.action_deadline)
    return _finished(world, started, outcome)


def _hands(world: World, action: Action) -> _Hands:
    """Raises ConflictError for a target or executor that the settings do not have any more, or not for this verb."""
    target = world.targets.get(action.plan.target)
    if target is None:
        raise ConflictError(f"the target {action.plan.target} is not in the settings any more")
    executor = world.executors[target.executor]
    if action.plan.verb not in executor.verbs:
        raise ConflictError(f"the executor {target.executor} cannot {action.plan.verb}")
    return _Hands(executor, target)


async def _prepare(world: World, action: Action) -> tuple[_Hands, Action]:
    """The hands, and the action with everything that its wish rests on."""
    hands = _hands(world, action)
    if action.plan.verb is not Verb.ROLLBACK:
        return hands, action
    seen = await hands.executor.observe(hands.target, deadline=world.options.action_deadline)
    if not seen.previous_release:
        raise ConflictError(f"{hands.target.name} has no previous release to roll back to")
    return hands, replace(action, facts={**action.facts, _RELEASE: seen.previous_release})


def _begin(
    transaction: Transaction, world: World, incident: Incident, action: Action, evidence: Evidence | None
) -> Action | Decision:
    """The intent, on record before the call; or the decision that is against it now."""
    stored = transaction.incidents.get(incident.id)
    known = transaction.actions.get(action.id)
    if stored is None or stored.stage is not Stage.ACT or known is None or known.state is not ActionState.ALLOWED:
        raise ConflictError(f"incident {incident.id} was moved by somebody else: action {action.id} is not called")
    if action.plan.alert_id and not _still_fires(transaction, action.plan.alert_id):
        return Decision(Effect.DENY, "alert_fires", "its alert does not fire any more, or is silenced or inhibited")
    now = world.clock.now()
    standing = decide.standing_of(transaction, world, action.plan)
    decision = world.decide(decide.question(world, action.plan, standing, evidence))
    if decision.effect is not Effect.ALLOW:
        return decision
    started = replace(action, state=ActionState.RUNNING, started_at=now)
    transaction.actions.put(started)
    entry = Entry(EventKind.ACTION_STARTED, now, f"{action.plan.words}: started", _facts(action))
    transaction.incidents.update(replace(stored, updated_at=now), [entry])
    return started


def _still_fires(transaction: Transaction, alert_id: int) -> bool:
    found = transaction.alerts.get(alert_id)
    return found is not None and found.may_be_acted_on


def _wish(action: Action) -> Wish:
    """The plan as a wish about state, for an action whose intent is on record."""
    match action.plan.verb:
        case Verb.RESTART:
            return StartedAfter(action.started_at or action.created_at)
        case Verb.SCALE:
            return Replicas(action.plan.replicas or 0)
        case Verb.ROLLBACK:
            return Release(str(action.facts.get(_RELEASE, "")))


async def _look(world: World, action: Action) -> Outcome:
    try:
        hands = _hands(world, action)
        seen = await hands.executor.observe(hands.target, deadline=world.options.action_deadline)
    except AetherError as problem:
        return Outcome(OutcomeStatus.UNKNOWN, f"the agent stopped during the call, and now cannot look: {problem}")
    if seen.shows(_wish(action)):
        return Outcome(OutcomeStatus.DONE, "the agent stopped during the call; the target shows its effect")
    return Outcome(OutcomeStatus.UNKNOWN, "the agent stopped during the call; the target does not show its effect")


def _refused(world: World, action: Action, reason: str) -> Step:
    """Not carried out: a plan is decided again after a while, a person's request has to be made again."""
    now = world.clock.now()
    outcome = Outcome(OutcomeStatus.FAILED, f"not carried out: {reason}")
    facts = {**action.facts, _REFUSAL: reason}
    refused = replace(action, state=ActionState.REFUSED, finished_at=now, outcome=outcome, facts=facts)
    entry = Entry(EventKind.ACTION_FINISHED, now, f"{action.plan.words}: {outcome.reason}", _facts(action))
    is_said = action.facts.get(_REFUSAL) == reason
    again = Continue(Stage.DECIDE, at=now + world.options.redecide_interval)
    move = again if action.plan.playbook else Continue(Stage.WATCH)
    return Step(move, () if is_said else (entry,), action=refused)


def _finished(world: World, action: Action, outcome: Outcome) -> Step:
    now = world.clock.now()
    finished = replace(action, state=ActionState.FINISHED, finished_at=now, outcome=outcome)
    words = f"{action.plan.words}: {outcome.status}"
    facts = {**_facts(action), "outcome": outcome.status.value, "reason": outcome.reason}
    text = f"{words} ({outcome.reason})" if outcome.reason else words
    entries = [Entry(EventKind.ACTION_FINISHED, now, text, facts)]
    if outcome.status in _GOOD:
        return Step(Continue(Stage.VERIFY), tuple(entries), action=finished)
    entries.append(Entry(EventKind.ESCALATED, now, f"a person has to look: {outcome.reason}", _facts(action)))
    return Step(Continue(Stage.WATCH), tuple(entries), action=finished, escalated=True, hands_off=True)


def _facts(action: Action) -> dict[str, object]:
    return {"action_id": action.id, "verb": action.plan.verb.value, "target": action.plan.target}
