"""Alerts that no playbook knows: a person is called for them, whatever else the incident is waiting for."""

from collections.abc import Sequence

from aetherlink.model.alerts import Alert
from aetherlink.model.incidents import Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, World

_MOST_NAMES = 10  # in one line of the timeline


def unknown(world: World, case: Case) -> tuple[Alert, ...]:
    """The first of the alerts that were not looked at yet, up to one that a playbook matches."""
    strangers: list[Alert] = []
    for one in case.fresh:
        if any(playbook.matches(one.alert.labels) for playbook in world.playbooks):
            break
        strangers.append(one.alert)
    return tuple(strangers)


def call_for(world: World, case: Case, alerts: Sequence[Alert]) -> tuple[tuple[Entry, ...], bool]:
    """The entries that say so, and whether they call a person."""
    names = ", ".join(sorted({alert.name or alert.fingerprint for alert in alerts})[:_MOST_NAMES])
    return call(world, case, f"no playbook matches {names}")


def call(world: World, case: Case, reason: str) -> tuple[tuple[Entry, ...], bool]:
    """A person is called, once, unless all of the incident is for information only."""
    now = world.clock.now()
    planned = Entry(EventKind.PLANNED, now, reason)
    if case.incident.escalated or case.incident.severity is Severity.INFO:
        return (planned,), False
    return (planned, Entry(EventKind.ESCALATED, now, f"a person has to look: {reason}")), True
