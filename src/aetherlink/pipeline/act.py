"""Stage act: commits the intent, calls the executor once, and brings back the outcome.

An action found running at the start of the stage is one whose caller died between call and reply. It is looked at,
never sent again: done when the target shows what was wished, else unknown, and a person is called.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from aetherlink.errors import AetherError, ConflictError
from aetherlink.model.actions import (
    Action,
    ActionState,
    Observation,
    Outcome,
    OutcomeStatus,
    Release,
    Replicas,
    StartedAfter,
    Verb,
    Wish,
)
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Continue, Step, World
from aetherlink.ports import Transaction

_FRESH = timedelta(seconds=30)
_GOOD = frozenset({OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED})


async def run(world: World, case: Case) -> Step:
    """Continue to verify after a good outcome; else a person is called and the incident is watched."""
    action = case.action
    if action is None or action.state not in (ActionState.ALLOWED, ActionState.RUNNING):
        return Step(Continue(Stage.WATCH))
    if action.state is ActionState.RUNNING:
        return _finished(world, action, await _look(world, action))
    if world.clock.now() - action.created_at > _FRESH:
        return _stale(world, action)
    started = replace(action, state=ActionState.RUNNING, started_at=world.clock.now())
    await world.store.write(partial(_put_intent, incident=case.incident, action=started))
    return _finished(world, started, await _call(world, started))


def _put_intent(transaction: Transaction, incident: Incident, action: Action) -> None:
    """On record before the call: whoever finds it without an outcome knows that the call may have been made."""
    stored = transaction.incidents.get(incident.id)
    if stored is None or stored.stage is not Stage.ACT or stored.action_id != action.id:
        raise ConflictError(f"incident {incident.id} was moved by somebody else: action {action.id} is not called")
    at = action.started_at or action.created_at
    entry = Entry(EventKind.ACTION_STARTED, at, f"{action.plan.words}: started", _facts(action))
    transaction.actions.put(action)
    if not transaction.incidents.update(replace(stored, updated_at=at), [entry]):
        raise ConflictError(f"incident {incident.id} was changed by somebody else in the same transaction")


async def _call(world: World, action: Action) -> Outcome:
    target = world.targets[action.plan.target]
    executor = world.executors[target.executor]
    if action.plan.verb not in executor.verbs:
        return Outcome(OutcomeStatus.FAILED, f"the executor {target.executor} cannot {action.plan.verb}")
    try:
        wish = await _wish(world, action)
    except AetherError as problem:
        return Outcome(OutcomeStatus.FAILED, f"{target.name} could not be looked at before the call: {problem}")
    if wish is None:
        return Outcome(OutcomeStatus.FAILED, f"{target.name} has no previous release to roll back to")
    return await executor.converge(target, wish, deadline=world.options.action_deadline)


async def _wish(world: World, action: Action) -> Wish | None:
    """The plan as a wish about state; None where there is nothing to wish for."""
    match action.plan.verb:
        case Verb.RESTART:
            return StartedAfter(action.started_at or action.created_at)
        case Verb.SCALE:
            return None if action.plan.replicas is None else Replicas(action.plan.replicas)
        case Verb.ROLLBACK:
            seen = await _observe(world, action)
            return Release(seen.previous_release) if seen.previous_release else None


async def _look(world: World, action: Action) -> Outcome:
    try:
        seen = await _observe(world, action)
    except AetherError as problem:
        return Outcome(OutcomeStatus.UNKNOWN, f"the agent stopped during the call, and now cannot look: {problem}")
    if _is_so(action, seen):
        return Outcome(
            OutcomeStatus.DONE, "the agent stopped during the call; the target shows that it was carried out"
        )
    return Outcome(OutcomeStatus.UNKNOWN, "the agent stopped during the call; the target does not show its effect")


def _is_so(action: Action, seen: Observation) -> bool:
    match action.plan.verb:
        case Verb.RESTART:
            since = action.started_at
            return since is not None and seen.oldest_start is not None and seen.oldest_start > since
        case Verb.SCALE:
            return seen.wanted == action.plan.replicas
        case Verb.ROLLBACK:
            return False  # which release ran before the call is not known any more


async def _observe(world: World, action: Action) -> Observation:
    target = world.targets[action.plan.target]
    return await world.executors[target.executor].observe(target, deadline=world.options.action_deadline)


def _stale(world: World, action: Action) -> Step:
    """Allowed too long ago to be true still: a plan is decided again, a person's request has to be made again."""
    outcome = Outcome(OutcomeStatus.FAILED, "not carried out: the decision was too old when its turn came")
    now = world.clock.now()
    refused = replace(action, state=ActionState.REFUSED, finished_at=now, outcome=outcome)
    entry = Entry(EventKind.ACTION_FINISHED, now, outcome.reason, {"action_id": action.id})
    return Step(Continue(Stage.DECIDE if action.plan.playbook else Stage.WATCH), (entry,), action=refused)


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
    return Step(Continue(Stage.WATCH), tuple(entries), action=finished, escalated=True)


def _facts(action: Action) -> dict[str, object]:
    return {"action_id": action.id, "verb": action.plan.verb.value, "target": action.plan.target}
