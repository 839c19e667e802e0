"""Lists that are narrowed: every row that fits is there once, and no page reads more rows than it may."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from aetherlink.model.alerts import Alert, AlertFilter, AlertStatus, Episode, Suppression
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentFilter, IncidentStatus, Origin, Severity, Stage
from aetherlink.ports import Transaction
from aetherlink.store import alerts, incidents
from aetherlink.store import rows as stored_rows
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

pytestmark = pytest.mark.sql

Page = tuple[list[Any], str | None]

ROWS = 60
MOST_READ = 8

ALERT_FILTERS: dict[AlertFilter, Callable[[int], bool]] = {
    AlertFilter(): lambda _: True,
    AlertFilter(status=AlertStatus.RESOLVED): lambda number: number % 2 == 0,
    AlertFilter(source="prod"): lambda number: number % 3 == 0,
    AlertFilter(name="Alert4"): lambda number: number % 5 == 4,
    AlertFilter(tenant="tenant-1"): lambda number: number % 4 == 1,
    AlertFilter(severity="critical"): lambda number: number % 3 != 0,
    AlertFilter(incident_id="inc-2"): lambda number: number % 7 == 2,
    AlertFilter(suppressed=True): lambda number: number % 10 == 0,
    AlertFilter(suppressed=False): lambda number: number % 10 != 0,
    AlertFilter(incident_id="inc-2", status=AlertStatus.RESOLVED): lambda number: number % 14 == 2,
    AlertFilter(name="Alert4", tenant="tenant-1"): lambda number: number % 20 == 9,
    AlertFilter(name="alert4"): lambda _: False,
    AlertFilter(tenant="' OR 1=1 --"): lambda _: False,
}
INCIDENT_FILTERS: dict[IncidentFilter, Callable[[int], bool]] = {
    IncidentFilter(): lambda _: True,
    IncidentFilter(status=IncidentStatus.OPEN): lambda number: number % 2 == 0,
    IncidentFilter(severity=Severity.INFO): lambda number: number % 3 == 0,
    IncidentFilter(source="prod"): lambda number: number % 3 == 0,
    IncidentFilter(tenant="tenant-1"): lambda number: number % 4 == 1,
    IncidentFilter(service="service-4"): lambda number: number % 5 == 4,
    IncidentFilter(vip=True): lambda number: number % 10 == 0,
    IncidentFilter(vip=False): lambda number: number % 10 != 0,
    IncidentFilter(origin=Origin.HEALTH): lambda number: number % 7 == 2,
    IncidentFilter(tenant="tenant-1", service="service-4"): lambda number: number % 20 == 9,
    IncidentFilter(tenant="Tenant-1"): lambda _: False,
}


def episode(number: int) -> Episode:
    labels = {"alertname": f"Alert{number % 5}"}
    status = AlertStatus.FIRING if number % 2 else AlertStatus.RESOLVED
    alert = Alert(
        SourceName("lab" if number % 3 else "prod"), Fingerprint(f"{number:04d}"), status, START, None, labels, {}
    )
    return Episode(
        id=number,
        alert=alert,
        status=status,
        since=START,
        ends_at=None,
        suppressed=Suppression.NONE if number % 10 else Suppression.SILENCED,
        name=alert.name,
        tenant=f"tenant-{number % 4}",
        severity="critical" if number % 3 else "info",
        incident_id=IncidentId(f"inc-{number % 7}"),
    )


def incident(number: int) -> Incident:
    return Incident(
        id=IncidentId(f"inc-{number:04d}"),
        key=f"key {number}",
        origin=Origin.HEALTH if number % 7 == 2 else Origin.ALERT,
        source=SourceName("lab" if number % 3 else "prod"),
        title="CrmApiDown",
        tenant=f"tenant-{number % 4}",
        service=f"service-{number % 5}",
        severity=Severity.CRITICAL if number % 3 else Severity.INFO,
        vip=number % 10 == 0,
        status=IncidentStatus.RESOLVED if number % 2 else IncidentStatus.OPEN,
        stage=Stage.PLAN,
        opened_at=START + timedelta(seconds=number),
        updated_at=START,
    )


@pytest.fixture
async def filled(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> SqlStore:
    monkeypatch.setattr(alerts, "_MOST_READ", MOST_READ)
    monkeypatch.setattr(incidents, "_MOST_READ", MOST_READ)
    monkeypatch.setattr(stored_rows, "_FIRST_LOOK", MOST_READ // 2)
    numbers = range(1, ROWS + 1)
    await store.write(lambda rows: rows.alerts.put([episode(number) for number in numbers], [], at=START))
    await store.write(lambda rows: rows.incidents.insert_all([(incident(number), []) for number in numbers]))
    return store


def alert_page(rows: Transaction, before: str | None, *, only: AlertFilter, limit: int) -> Page:
    return rows.alerts.page(limit=limit, before=before, only=only)


def incident_page(rows: Transaction, before: str | None, *, only: IncidentFilter, limit: int) -> Page:
    return rows.incidents.page(limit=limit, before=before, only=only)


async def walk(store: SqlStore, page: Callable[[Transaction, str | None], Page]) -> list[Any]:
    """Everything that the pages give, one after the other."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(ROWS + 1):
        items, cursor = await store.read(lambda rows, before=cursor: page(rows, before))
        found += items
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


async def test_alerts_that_fit_are_there_once(filled: SqlStore) -> None:
    for only, fits in ALERT_FILTERS.items():
        for limit in (1, 3, 500):
            found = await walk(filled, partial(alert_page, only=only, limit=limit))
            assert [each.id for each in found] == [number for number in range(ROWS, 0, -1) if fits(number)], only


async def test_incidents_that_fit_are_there_once(filled: SqlStore) -> None:
    for only, fits in INCIDENT_FILTERS.items():
        for limit in (1, 3, 500):
            found = await walk(filled, partial(incident_page, only=only, limit=limit))
            ids = [f"inc-{number:04d}" for number in range(ROWS, 0, -1) if fits(number)]
            assert [each.id for each in found] == ids, only


async def test_a_page_for_which_nothing_fits_reads_a_bounded_part_and_leads_on(filled: SqlStore) -> None:
    nothing = AlertFilter(name="none")
    first = await filled.read(lambda rows: rows.alerts.page(limit=5, before=None, only=nothing))
    in_incident = AlertFilter(name="none", incident_id="inc-2")
    second = await filled.read(lambda rows: rows.alerts.page(limit=5, before=None, only=in_incident))
    third = await filled.read(lambda rows: rows.incidents.page(limit=5, before=None, only=IncidentFilter(tenant="x")))

    assert first == ([], str(ROWS - MOST_READ + 1))
    assert second == ([], str(58 - 7 * (MOST_READ - 1)))  # its own alerts are counted, not those between them
    assert third == ([], f"inc-{ROWS - MOST_READ + 1:04d}")


async def test_what_is_urgent_is_found_however_many_others_began_since(filled: SqlStore) -> None:
    oldest = incident(0)
    await filled.write(lambda rows: rows.incidents.insert_all([(replace(oldest, severity=Severity.WARNING), [])]))
    urgent = IncidentFilter(IncidentStatus.OPEN, Severity.WARNING, vip=True)

    found, cursor = await filled.read(lambda rows: rows.incidents.page(limit=5, before=None, only=urgent))

    assert ([one.id for one in found], cursor) == ([oldest.id], None)


def test_every_filter_is_tried_here() -> None:
    assert {name for only in ALERT_FILTERS for name, value in only._asdict().items() if value is not None} == {
        *AlertFilter._fields
    }
    tried = {each.name for only in INCIDENT_FILTERS for each in fields(only) if getattr(only, each.name) is not None}
    assert tried == {each.name for each in fields(IncidentFilter)}
