"""A score that stays low is an incident, or a line in the one that explains it; a good score closes it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.incident_commands import IncidentCommands
from aetherlink.incidents.condition import Condition
from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.incidents.low_health import LowHealth
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.reception import Reception
from aetherlink.model import lifecycle
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.health import HealthReading, HealthStatus, Part
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.reception import build_reception

LAB = SourceName("lab")
LOW = HealthReading(START, HealthStatus.LOW, 12.0, 2, low_since=START - timedelta(minutes=1))
OF_VIP = replace(LOW, tenant="vip-umbrella", vip=True)
WELL = HealthReading(START + timedelta(minutes=10), HealthStatus.OK, 90.0)


def later(reading: HealthReading, minutes: float) -> HealthReading:
    return replace(reading, at=reading.at + timedelta(minutes=minutes), consecutive_low=reading.consecutive_low + 1)


@pytest.fixture
def low_health(store: SqlStore, ids: CountingIds) -> LowHealth:
    return LowHealth(store, ids=ids, source=LAB)


async def incidents(store: SqlStore) -> list[Incident]:
    found, _ = await store.read(lambda tx: tx.incidents.page(limit=100, before=None))
    return found[::-1]


async def said(store: SqlStore, incident: Incident) -> list[tuple[EventKind, str]]:
    entries = await store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    return [(stored.entry.kind, stored.entry.text) for stored in entries]


async def by_alert(
    store: SqlStore, ids: CountingIds, *, minutes: float = 0.0, tenant: str = "", source: SourceName = LAB
) -> Incident:
    """An incident as an alert opens it, so many minutes after the score began to be low."""
    at = START + timedelta(minutes=minutes - 1)
    condition = Condition(incident_key(Kind.SERVICE, source, tenant, "crm"), Origin.ALERT, source, "CrmApiDown", tenant)
    opened = Entry(EventKind.OPENED, at, "opened")
    return await store.write(lambda tx: condition.begins(tx, ids, opened))


async def resolve(store: SqlStore, incident: Incident, *, minutes: float) -> None:
    at = START + timedelta(minutes=minutes - 1)
    condition = Condition(incident.key, incident.origin, incident.source, incident.title)
    await store.write(lambda tx: condition.ends(tx, Entry(EventKind.RESOLVED, at, "resolved")))


async def test_a_low_score_opens_one_incident_that_names_what_pulls_it_down(
    low_health: LowHealth, store: SqlStore
) -> None:
    reading = replace(LOW, parts=(Part("success", 0.41), Part("availability", 0.0), Part("latency", 1.0)))
    await low_health.low(reading)
    await low_health.low(later(reading, 1))

    [incident] = await incidents(store)
    assert (incident.origin, incident.title, incident.tenant) == (Origin.HEALTH, "the health score is low", "")
    assert await said(store, incident) == [
        (
            EventKind.OPENED,
            "health score 12.0 is low, 2 times in a row, pulled down by availability (0.00) and success (0.41)",
        )
    ]


async def test_a_good_score_closes_it_and_repeats_change_nothing(low_health: LowHealth, store: SqlStore) -> None:
    await low_health.low(LOW)
    for _ in range(2):
        await low_health.recovered(WELL)

    [incident] = await incidents(store)
    assert (incident.status, incident.resolved_at) == (IncidentStatus.RESOLVED, WELL.at)
    assert [kind for kind, _ in await said(store, incident)] == [EventKind.OPENED, EventKind.RESOLVED]


async def test_a_tenants_score_is_an_incident_of_the_tenant_and_a_vip_comes_first(
    low_health: LowHealth, store: SqlStore
) -> None:
    await low_health.low(replace(LOW, tenant="acme-corp"))
    await low_health.low(OF_VIP)

    of_acme, of_vip = await incidents(store)
    assert (of_vip.tenant, of_vip.title) == ("vip-umbrella", "the health score of vip-umbrella is low")
    assert of_vip.priority < of_acme.priority


async def test_the_recovery_of_one_tenant_closes_no_other(low_health: LowHealth, store: SqlStore) -> None:
    await low_health.low(replace(LOW, tenant="acme-corp"))
    await low_health.low(OF_VIP)

    await low_health.recovered(replace(WELL, tenant="acme-corp"))

    assert [incident.status for incident in await incidents(store)] == ["resolved", "open"]


@pytest.mark.parametrize("minutes", [-14.0, 0.0, 0.9])
@pytest.mark.parametrize("reading", [LOW, OF_VIP])
async def test_an_alert_of_about_the_same_time_explains_it(
    low_health: LowHealth, store: SqlStore, ids: CountingIds, minutes: float, reading: HealthReading
) -> None:
    await by_alert(store, ids, minutes=minutes)
    await low_health.low(reading)
    await low_health.low(later(reading, 1))

    [incident] = await incidents(store)
    assert [kind for kind, _ in await said(store, incident)] == [EventKind.OPENED, EventKind.MERGED]
    assert incident.vip == reading.vip


@pytest.mark.parametrize(
    ("reading", "other"),
    [
        (LOW, {"minutes": -16.0}),
        (LOW, {"source": SourceName("other")}),
        (LOW, {"tenant": "acme-corp"}),
        (OF_VIP, {"tenant": "acme-corp"}),
    ],
)
async def test_an_alert_of_something_else_explains_nothing(
    low_health: LowHealth, store: SqlStore, ids: CountingIds, reading: HealthReading, other: dict[str, object]
) -> None:
    cause = await by_alert(store, ids, **other)
    await low_health.low(reading)

    assert [incident.origin for incident in await incidents(store)] == [Origin.ALERT, Origin.HEALTH]
    assert [kind for kind, _ in await said(store, cause)] == [EventKind.OPENED]


async def test_an_incident_that_was_resolved_explains_the_slow_average_for_a_while(
    low_health: LowHealth, store: SqlStore, ids: CountingIds
) -> None:
    cause = await by_alert(store, ids)
    await low_health.low(LOW)
    await resolve(store, cause, minutes=5)

    await low_health.low(later(LOW, 20))
    assert len(await incidents(store)) == 1
    await low_health.low(later(LOW, 25))

    assert [incident.origin for incident in await incidents(store)] == [Origin.ALERT, Origin.HEALTH]


async def test_tenants_that_are_low_with_the_whole_are_noted_there(low_health: LowHealth, store: SqlStore) -> None:
    for reading in (LOW, OF_VIP, replace(LOW, tenant="acme-corp")):
        await low_health.low(reading)

    [incident] = await incidents(store)
    assert [kind for kind, _ in await said(store, incident)] == [EventKind.OPENED, EventKind.MERGED, EventKind.MERGED]
    assert (incident.vip, incident.priority) == (True, Severity.WARNING.rank)


async def test_a_condition_opens_once_and_ends_once(store: SqlStore, ids: CountingIds) -> None:
    condition = Condition(incident_key(Kind.HEALTH, LAB, "blind"), Origin.HEALTH, LAB, "monitoring is blind")
    begun = Entry(EventKind.OPENED, START, "no heartbeat")
    over = Entry(EventKind.RESOLVED, START, "it beats")

    opened = [await store.write(lambda tx: condition.begins(tx, ids, begun)) for _ in range(2)]
    closed = [await store.write(lambda tx: condition.ends(tx, over)) for _ in range(2)]

    assert [each and each.id for each in opened] == [IncidentId("inc-0001"), None]
    assert closed == [True, False]


async def test_what_was_closed_by_hand_stays_closed_while_the_score_stays_low(
    low_health: LowHealth, store: SqlStore, clock: ManualClock
) -> None:
    hand = IncidentCommands(store, clock=clock, waker=Bell())
    await low_health.low(LOW)
    [incident] = await incidents(store)
    await hand.close(incident.id, reason="we know", by="ann")
    await low_health.low(later(LOW, 1))
    assert len(await incidents(store)) == 1

    await low_health.recovered(WELL)
    await low_health.low(later(LOW, 30))
    first, second = await incidents(store)
    assert first.closed_by == "ann"
    assert [kind for kind, _ in await said(store, first)][-2:] == [EventKind.CLOSED, EventKind.RESOLVED]
    assert second.status is IncidentStatus.OPEN


async def test_a_score_that_comes_and_goes_is_one_incident(low_health: LowHealth, store: SqlStore) -> None:
    for minutes in range(0, 10, 2):
        await low_health.low(later(LOW, minutes))
        await low_health.low(later(LOW, minutes + 0.5))
        await low_health.recovered(replace(WELL, at=START + timedelta(minutes=minutes + 1)))

    [incident] = await incidents(store)
    assert (incident.status, incident.reopened) == (IncidentStatus.RESOLVED, 4)
    lines = await said(store, incident)
    assert [kind for kind, _ in lines] == [
        EventKind.OPENED,
        EventKind.RESOLVED,
        *(4 * [EventKind.REOPENED, EventKind.RESOLVED]),
    ]
    assert lines[2][1].startswith("opened again: health score 12.0 is low")


@pytest.mark.parametrize(("minutes", "count"), [(9.9, 1), (10.0, 2)])
async def test_it_is_opened_again_within_the_reopen_window_only(
    low_health: LowHealth, store: SqlStore, minutes: float, count: int
) -> None:
    await low_health.low(LOW)
    await low_health.recovered(WELL)
    await low_health.low(replace(LOW, at=WELL.at + timedelta(minutes=minutes)))

    found = await incidents(store)
    assert (len(found), found[-1].status) == (count, IncidentStatus.OPEN)


async def test_what_was_opened_again_and_closed_by_hand_stays_closed_too(
    low_health: LowHealth, store: SqlStore, clock: ManualClock
) -> None:
    hand = IncidentCommands(store, clock=clock, waker=Bell())
    await low_health.low(LOW)
    [incident] = await incidents(store)
    await hand.close(incident.id, reason="we know", by="ann")
    await low_health.recovered(later(WELL, -8))
    await low_health.low(later(LOW, 5))
    await hand.close(incident.id, reason="we know", by="ann")
    await low_health.low(later(LOW, 6))

    [incident] = await incidents(store)
    assert (incident.status, incident.reopened) == (IncidentStatus.RESOLVED, 1)


# --- with the alerts


class Bell:
    """Nobody to wake."""

    def wake(self) -> None:
        """Nothing waits."""


@pytest.fixture
def reception(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Reception:
    return build_reception(store, clock=clock, ids=ids, waker=Bell(), metrics=AlertMetrics(CollectorRegistry()))


def alert(name: str, *, firing: bool = True, **labels: str) -> Alert:
    return Alert(
        source=LAB,
        fingerprint=Fingerprint(name),
        status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        starts_at=START,
        ends_at=None if firing else START + timedelta(minutes=1),
        labels={"alertname": name, "severity": "critical", "service": "crm", **labels},
        annotations={"summary": f"{name} says so"},
    )


async def test_an_alert_that_comes_after_the_score_takes_its_incident_over(
    low_health: LowHealth, store: SqlStore, reception: Reception, clock: ManualClock
) -> None:
    await low_health.low(LOW)
    clock.move(60)
    await reception.receive([alert("CrmApiDown")])
    await low_health.low(later(LOW, 2))
    await low_health.recovered(WELL)

    [incident] = await incidents(store)
    assert (incident.title, incident.service, incident.is_symptom) == ("CrmApiDown says so", "crm", False)
    assert (incident.origin, incident.status) == (Origin.ALERT, IncidentStatus.OPEN)


async def test_an_incident_that_symptoms_have_joined_is_left_to_them(
    low_health: LowHealth, store: SqlStore, reception: Reception
) -> None:
    await low_health.low(LOW)
    await reception.receive([alert("HealthScoreDegradation", tenant="acme-corp")])
    await low_health.recovered(WELL)

    [incident] = await incidents(store)
    assert (incident.origin, incident.status, incident.firing) == (Origin.ALERT, IncidentStatus.OPEN, 1)
    assert (await said(store, incident))[-1] == (EventKind.NOTE, "health score 90.0 is well")


async def test_what_symptoms_had_joined_is_opened_again_by_the_score(
    low_health: LowHealth, store: SqlStore, reception: Reception
) -> None:
    await low_health.low(LOW)
    await reception.receive([alert("HealthScoreDegradation", tenant="acme-corp")])
    await low_health.recovered(WELL)
    await reception.receive([alert("HealthScoreDegradation", tenant="acme-corp", firing=False)])
    [incident] = await incidents(store)
    over = lifecycle.settled(incident, at=WELL.at)
    await store.write(lambda tx: tx.incidents.update(over, []))
    await low_health.low(later(LOW, 12))

    [incident] = await incidents(store)
    assert (incident.origin, incident.status, incident.reopened) == (Origin.HEALTH, IncidentStatus.OPEN, 1)
