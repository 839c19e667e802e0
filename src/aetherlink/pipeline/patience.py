"""Time for what a verified repair is about to end: an error rate fires on when what caused it is well again.

Nobody is called at once for an alert that no playbook knows if it began before a repair was verified: it has
`resolve_within` to end. Whatever began before and fires when that time is over calls a person, once, by name, whatever
the incident is waiting for by then. An alert that begins afterwards is news as ever, and one that a playbook knows is
planned for at once.

The instants stand among the facts of the incident's action and go over to the action that takes its place: a plan for
another alert does not make anybody forget, and one repair after another does not make the time longer.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aetherlink.model.actions import VERIFIED_AT_FACT, Action, OutcomeStatus
from aetherlink.model.incidents import Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Finish, Step, Wait, World

_MOST_NAMED = 20


def noted(action: Action, at: datetime) -> Action:
    """The action, verified at this instant. One that was not needed has ended nothing."""
    if action.outcome is None or action.outcome.status is not OutcomeStatus.DONE:
        return action
    return _with(action, [*_verified(action), at])


def handed_on(world: World, earlier: Action | None, new: Action) -> Action:
    """The new action with what it has to know of the repairs before it."""
    going = _going(world, earlier)
    return _with(new, going) if going else new


def healed_at(world: World, action: Action | None) -> datetime | None:
    """What began until then has time to end; None: nothing has."""
    return max(_going(world, action), default=None)


async def kept(world: World, case: Case, step: Step) -> Step:
    """The step; it calls a person for what had time to end and fires on, and waits no longer than until that is due."""
    nobody_is_called = case.incident.escalated or case.incident.severity is Severity.INFO
    if nobody_is_called or step.escalated or isinstance(step.move, Finish):
        return step
    going = _going(world, case.action)
    over = [each for each in _verified(case.action) if each not in going]
    if over:
        step = await _called(world, case, step, max(over))
    if going and isinstance(step.move, Wait):
        end = min(going) + world.options.resolve_within
        step = replace(step, move=Wait(end if step.move.until is None else min(end, step.move.until)))
    return step


async def _called(world: World, case: Case, step: Step, healed: datetime) -> Step:
    names = await world.store.read(lambda tx: tx.alerts.names_of(case.incident.id, limit=_MOST_NAMED, began_by=healed))
    if not names:
        return step
    minutes = world.options.resolve_within.total_seconds() / 60
    text = f"a person has to look: a repair was verified, but {', '.join(names)} still fires {minutes:g} min later"
    entry = Entry(EventKind.ESCALATED, world.clock.now(), text)
    return replace(step, entries=(*step.entries, entry), escalated=True)


def _going(world: World, action: Action | None) -> list[datetime]:
    """When those repairs were verified whose time is not over."""
    since = world.clock.now() - world.options.resolve_within
    return [each for each in _verified(action) if each > since]


def _verified(action: Action | None) -> list[datetime]:
    stored = [] if action is None else action.facts.get(VERIFIED_AT_FACT, [])
    return [datetime.fromisoformat(str(each)) for each in stored] if isinstance(stored, list) else []


def _with(action: Action, verified: Sequence[datetime]) -> Action:
    return replace(action, facts={**action.facts, VERIFIED_AT_FACT: [each.isoformat() for each in verified]})
