"""Alerts that no playbook knows: a person is called for them, whatever else the incident is waiting for.

But not at once for those that a verified repair is about to end: see pipeline.patience.
"""

from dataclasses import replace

from aetherlink.model.alerts import StoredAlert
from aetherlink.model.incidents import Incident, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Step, World

_MOST_NAMES = 10  # in one line of the timeline


def matter(incident: Incident) -> bool:
    """Whether anything is still to be said of them: once a person was called, who joins changes nothing."""
    is_for_information = incident.severity is Severity.INFO and incident.planned_through > 0
    return not incident.escalated and not is_for_information


def before_the_first_known(world: World, case: Case) -> int:
    """How many of the fresh alerts come before the first one that a playbook matches."""
    playbooks = world.playbooks
    matched = (
        place for place, one in enumerate(case.fresh) if any(each.matches(one.alert.labels) for each in playbooks)
    )
    return next(matched, len(case.fresh))


def call_for(world: World, case: Case, looked_at: int) -> tuple[tuple[Entry, ...], bool]:
    """The entries that say whom no playbook knows, of so many fresh alerts and the strangers; is a person called?

    Not for each that joins: see `matter`.
    """
    passed = {one.alert.name or one.alert.fingerprint for one in case.fresh[:looked_at] if _is_called_for(case, one)}
    names = sorted({*case.strangers, *passed})[:_MOST_NAMES]
    if not names or not matter(case.incident):
        return (), False
    return call(world, case, f"no playbook matches {', '.join(names)}")


def beside(world: World, case: Case, step: Step) -> Step | None:
    """The step of an incident that waits, with a person called for alerts that no playbook knows; None: for none."""
    passed = before_the_first_known(world, case)
    if not passed and (case.fresh or not case.strangers):
        return None
    called, escalated = call_for(world, case, passed)
    last = case.newest if passed == len(case.fresh) else case.fresh[passed - 1].id
    return replace(step, entries=(*step.entries, *called), planned_through=last, escalated=escalated)


def _is_called_for(case: Case, one: StoredAlert) -> bool:
    return case.healed_at is None or one.alert.starts_at > case.healed_at


def call(world: World, case: Case, reason: str) -> tuple[tuple[Entry, ...], bool]:
    """A person is called, once, unless all of the incident is for information only."""
    now = world.clock.now()
    planned = Entry(EventKind.PLANNED, now, reason)
    if case.incident.escalated or case.incident.severity is Severity.INFO:
        return (planned,), False
    return (planned, Entry(EventKind.ESCALATED, now, f"a person has to look: {reason}")), True
