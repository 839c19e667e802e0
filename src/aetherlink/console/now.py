"""What the page at / shows, the most urgent first: the worst incident and what it needs, then the rest.

All that is read has a bound of its own, so that the page takes as long with a hundred thousand incidents as with ten.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from fastapi import Response

from aetherlink.console.asking import Asked, asked
from aetherlink.console.listed import Listed, listed
from aetherlink.console.sparkline import Sparkline, sparkline
from aetherlink.console.writing import page
from aetherlink.model.actions import Action, ActionFilter, ActionState
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.health import WHOLE, HealthReading
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, IncidentFilter, IncidentStatus, Severity
from aetherlink.model.principals import Principal
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/"
_MOST_OPEN = 12  # incidents beside the worst
_MOST_WAITING = 12
_MOST_ACTIONS = 6
_MOST_NAMED = 20  # brakes, pauses
_MOST_TENANTS = 7
_MOST_READINGS = 60  # of one score
_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Worst:
    """The incident that comes first: an alert of it, what was planned and found, and what it asks of people."""

    row: Listed
    alert: StoredAlert | None
    decided: StoredEntry | None
    planned: StoredEntry | None
    asked: Asked | None


@dataclass(frozen=True, slots=True)
class Gauge:
    """One score, and how it came to be so."""

    reading: HealthReading
    drawing: Sparkline | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction saw."""

    by_severity: Mapping[str, int]
    worst: Worst | None
    others: Sequence[Listed]
    waiting: Sequence[Asked]
    unready: Sequence[Action]
    running: Sequence[Action]
    done: Sequence[Action]
    last_resolved: Incident | None
    histories: Mapping[str, Sequence[HealthReading]]


async def now(services: ApiServices, caller: Principal, said: str) -> Response:
    """The page. `said` is what was just done from it, in words. Raises StoreError."""
    readings = services.health.present
    shown = [one for one in readings if one.tenant == WHOLE] + _urgent_first(readings)[:_MOST_TENANTS]
    source, instant = next(iter(services.queries)), services.clock.now()
    read = await services.store.read(lambda rows: _read(rows, source, [one.tenant for one in shown], instant))
    ledger = await services.ledger.ledger()
    return await page(
        services,
        "now.html",
        caller=caller,
        said=said,
        read=read,
        open_count=sum(read.by_severity.values()),
        gauges=[Gauge(one, sparkline(read.histories.get(one.tenant, ()))) for one in shown],
        tenants_left_out=max(0, len(readings) - len(shown)),
        received=ledger.received,
        **await _held_back(services, instant),
    )


async def _held_back(services: ApiServices, instant: datetime) -> dict[str, Any]:
    """What holds the agent back, for the notices above everything else."""
    pauses = await services.pause_commands.pauses()
    brakes = await services.approval_commands.brakes()
    states = services.sources()
    return {
        "pauses": [pause for pause, in_force in pauses if in_force][:_MOST_NAMED],
        "planned": [pause for pause, in_force in pauses if not in_force][:_MOST_NAMED],
        "outside": services.outside_pause(),
        "freezes": services.stance.freezes(instant),
        "brakes": brakes[:_MOST_NAMED],
        "brakes_left_out": max(0, len(brakes) - _MOST_NAMED),
        "blind": sorted(services.stance.blind_sources()),
        "down": [state for state in states if state.is_up is False],
        "sources": states,
        "unready": services.readiness(),
    }


def _urgent_first(readings: Sequence[HealthReading]) -> list[HealthReading]:
    """Those of tenants: VIPs before others, the lowest score first, and one that nobody could read first."""
    of_tenants = [one for one in readings if one.tenant != WHOLE]
    return sorted(of_tenants, key=lambda one: (not one.vip, -1.0 if one.score is None else one.score, one.tenant))


def _read(rows: Transaction, source: SourceName, tenants: Sequence[str], instant: datetime) -> _Read:
    by_severity = rows.incidents.open_by_severity()
    urgent = list(islice(_most_urgent(rows, by_severity), _MOST_OPEN + 1))
    worst, others = (_worst_first(urgent)[0], _worst_first(urgent)[1:]) if urgent else (None, [])
    waiting, _ = rows.actions.page(
        limit=_MOST_WAITING, before=None, only=ActionFilter(state=ActionState.WAITING_APPROVAL)
    )
    elsewhere = [one for one in waiting if worst is None or one.id != worst.action_id]
    running, _ = rows.actions.page(limit=_MOST_ACTIONS, before=None, only=ActionFilter(state=ActionState.RUNNING))
    newest, _ = rows.actions.page(limit=_MOST_ACTIONS * 3, before=None)
    resolved, _ = rows.incidents.page(limit=1, before=None, only=IncidentFilter(IncidentStatus.RESOLVED))
    return _Read(
        by_severity=by_severity,
        worst=None if worst is None else _described(rows, worst),
        others=[listed(rows, one) for one in others],
        waiting=[ask for one in elsewhere if (ask := asked(one)) is not None],
        unready=[one for one in elsewhere if one.approval is None],
        running=running,
        done=[one for one in newest if _is_told(one, instant)][:_MOST_ACTIONS],
        last_resolved=resolved[0] if resolved else None,
        histories={tenant: _history(rows, source, tenant) for tenant in tenants},
    )


def _most_urgent(rows: Transaction, by_severity: Mapping[str, int]) -> Iterator[Incident]:
    """Open incidents by priority, and the newest first within one."""
    for vip in (True, False):
        for severity in Severity:
            if by_severity.get(severity.value):
                only = IncidentFilter(IncidentStatus.OPEN, severity, vip=vip)
                yield from rows.incidents.page(limit=_MOST_OPEN + 1, before=None, only=only)[0]


def _worst_first(urgent: Sequence[Incident]) -> Sequence[Incident]:
    """Of those of one priority: what is a cause before its symptoms, and what a person was called for before others."""
    return sorted(urgent, key=lambda one: (one.priority, one.is_symptom, not one.escalated))


def _described(rows: Transaction, incident: Incident) -> Worst:
    row = listed(rows, incident)
    alerts = rows.alerts.of_incident(incident.id, limit=1)
    return Worst(
        row,
        alerts[0] if alerts else None,
        _last(rows, incident, EventKind.DECIDED),
        _last(rows, incident, EventKind.PLANNED),
        asked(row.action),
    )


def _last(rows: Transaction, incident: Incident, kind: EventKind) -> StoredEntry | None:
    found = rows.incidents.latest_entries(incident.id, limit=1, kind=kind)
    return found[0] if found else None


def _is_told(action: Action, instant: datetime) -> bool:
    """Whether it was carried out lately, to its end."""
    return action.started_at is not None and action.finished_at is not None and action.created_at > instant - _LATELY


def _history(rows: Transaction, source: SourceName, tenant: str) -> Sequence[HealthReading]:
    found, _ = rows.health.page(source=source, tenant=tenant, since=None, limit=_MOST_READINGS, before=None)
    return [reading for _, reading in found]
