"""Stage watch: the incident closes when no alert of it fires any more; until then, what is new is planned for.

Nothing waits in silence for ever: a repair that was verified while its alert goes on firing calls a person in the end.
"""

from dataclasses import replace
from datetime import datetime

from aetherlink.model import would_be
from aetherlink.model.actions import Action, ActionState, Outcome, OutcomeStatus
from aetherlink.model.decisions import Effect
from aetherlink.model.incidents import Incident, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Continue, Finish, Step, Wait, World

_MOST_NAMED = 20


async def run(world: World, case: Case) -> Step:
    """Finish when it is over, plan for alerts that nobody planned for yet, else wait to be woken."""
    incident = case.incident
    if incident.firing <= 0 and incident.origin is Origin.HEALTH:  # a good score closes what a low one opened
        return Step(Wait(), retired=_withdrawn(case.action))
    if incident.firing <= 0:
        return await _over(world, case)
    if incident.hands_off:
        return Step(Wait(), planned_through=case.newest)
    if case.has_news:
        return Step(Continue(Stage.PLAN))
    return replace(await _overdue(world, case), planned_through=case.newest)


async def _over(world: World, case: Case) -> Step:
    now = world.clock.now()
    seconds = max(0.0, (now - await _opened_last(world, case.incident)).total_seconds())  # a clock may be set back
    again = f", opened {case.incident.reopened + 1} times" if case.incident.reopened else ""
    is_alert = case.incident.origin is Origin.ALERT
    text = f"resolved after {seconds:.1f} s{again}" if is_alert else "the request is done with"
    resolved = Entry(EventKind.RESOLVED, now, text, {"seconds": seconds})
    return Step(Finish(), (resolved,), retired=_withdrawn(case.action) or _followed(case, now))


def _followed(case: Case, now: datetime) -> Action | None:
    """What would have been done, with what happened then; who was told, or looked after it, is a person."""
    is_looked_after = case.incident.acknowledged_at is not None
    return would_be.followed(case.action, would_be.BY_A_PERSON if is_looked_after else would_be.BY_ITSELF, now)


async def _opened_last(world: World, incident: Incident) -> datetime:
    """When it was opened the last time: the peace between two outages is no part of either."""
    if not incident.reopened:
        return incident.opened_at
    kind = EventKind.REOPENED
    found = await world.store.read(lambda tx: tx.incidents.latest_entries(incident.id, limit=1, kind=kind))
    return found[0].entry.at if found else incident.opened_at


def _withdrawn(action: Action | None) -> Action | None:
    """An action that still waits for a person is not needed any more."""
    if action is None or action.state is not ActionState.WAITING_APPROVAL:
        return None
    return replace(action, state=ActionState.REFUSED, outcome=Outcome(OutcomeStatus.NOT_NEEDED, "it was over before"))


def _only_observed(world: World, case: Case, action: Action) -> Step:
    """What the agent would have repaired, and what does not end by itself, is a person's in the end."""
    end, now = action.created_at + world.options.resolve_within, world.clock.now()
    is_a_persons = case.incident.escalated or case.incident.severity is Severity.INFO
    if is_a_persons or case.planned is None:
        return Step(Wait())
    if now < end:
        return Step(Wait(end))
    text = f"a person has to look: it still fires, and {action.plan.words} was only observed ({action.decision.rule})"
    return Step(Wait(), (Entry(EventKind.ESCALATED, now, text),), escalated=True)


async def _overdue(world: World, case: Case) -> Step:
    action = case.action
    if action is not None and action.decision.effect is Effect.OBSERVE:
        return _only_observed(world, case, action)
    if action is None or action.state is not ActionState.FINISHED or action.finished_at is None:
        return Step(Wait())  # a person's turn, and the timeline says so
    called = case.incident.escalated_at
    if called is not None and called >= action.finished_at:
        return Step(Wait())  # a person's turn, and the timeline says so
    end = action.finished_at + world.options.resolve_within
    now = world.clock.now()
    if now < end:
        return Step(Wait(end))
    names = ", ".join(await world.store.read(lambda tx: tx.alerts.names_of(case.incident.id, limit=_MOST_NAMED)))
    minutes = world.options.resolve_within.total_seconds() / 60
    text = f"a person has to look: the repair was verified, but {names} still fires {minutes:g} min later"
    return Step(Wait(), (Entry(EventKind.ESCALATED, now, text),), escalated=True)
