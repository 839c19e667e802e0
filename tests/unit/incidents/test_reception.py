"""Alerts become incidents: what belongs together, what repeats change, what a resolve does."""

import dataclasses
import logging
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from aetherlink.incidents.low_health import LowHealth
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.reception import Reception
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Severity, Stage
from aetherlink.model.timeline import EventKind
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.reception import build_reception

LAB = SourceName("lab")
READING = HealthReading(START, HealthStatus.LOW, 12.0, consecutive_low=2)


class Bell:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.rung = 0

    def wake(self) -> None:
        self.rung += 1


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def reception(
    store: SqlStore, clock: ManualClock, ids: CountingIds, bell: Bell, registry: CollectorRegistry
) -> Reception:
    return build_reception(store, clock=clock, ids=ids, waker=bell, metrics=AlertMetrics(registry))


def alert(name: str = "CrmApiDown", *, firing: bool = True, minutes: int = 0, **labels: str) -> Alert:
    labels = {"alertname": name, "severity": "critical", "service": "crm", **labels}
    return Alert(
        source=LAB,
        fingerprint=Fingerprint("-".join(sorted(labels.values()))),
        status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        starts_at=START + timedelta(minutes=minutes),
        ends_at=None,
        labels=labels,
        annotations={"summary": f"{name} says so"},
    )


async def incidents(store: SqlStore) -> list[Incident]:
    found, _ = await store.read(lambda tx: tx.incidents.page(limit=100, before=None))
    return found[::-1]


async def latest(store: SqlStore) -> Alert:
    """The newest episode."""
    found, _ = await store.read(lambda tx: tx.alerts.page(limit=1, before=None))
    return found[0].alert


async def kinds(store: SqlStore, incident: Incident) -> list[EventKind]:
    entries = await store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    return [stored.entry.kind for stored in entries]


async def test_a_firing_alert_opens_an_incident_that_is_due_at_once(
    reception: Reception, store: SqlStore, bell: Bell, clock: ManualClock
) -> None:
    await reception.receive([alert()])

    [incident] = await incidents(store)
    assert (incident.service, incident.severity, incident.stage) == ("crm", Severity.CRITICAL, Stage.PLAN)
    assert incident.wake_at == clock.now()
    assert await kinds(store, incident) == [EventKind.OPENED, EventKind.ALERTS]
    assert bell.rung == 1


async def test_a_repeat_changes_nothing_and_wakes_nobody(reception: Reception, store: SqlStore, bell: Bell) -> None:
    await reception.receive([alert()])
    await reception.receive([alert(), alert()])

    [incident] = await incidents(store)
    assert len(await kinds(store, incident)) == 2
    assert bell.rung == 1


async def test_alerts_of_one_service_are_one_incident_with_the_worst_severity(
    reception: Reception, store: SqlStore
) -> None:
    await reception.receive([alert("CrmHighLatency", severity="warning"), alert()])

    [incident] = await incidents(store)
    assert incident.severity is Severity.CRITICAL
    filed = await store.read(lambda tx: tx.alerts.of_incident(incident.id, limit=5000))
    assert {each.alert.name for each in filed} == {"CrmHighLatency", "CrmApiDown"}


async def test_tenants_are_kept_apart_and_vips_are_marked(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(tenant="acme-corp"), alert(tenant="vip-umbrella")])

    acme, vip = await incidents(store)
    assert (acme.tenant, acme.vip, vip.tenant, vip.vip) == ("acme-corp", False, "vip-umbrella", True)
    assert vip.priority < acme.priority


async def test_every_alert_of_a_group_counts(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(service=f"service-{number}") for number in range(700)])

    assert len(await store.read(lambda tx: tx.incidents.page(limit=1000, before=None)[0])) == 700


async def test_what_fires_and_ends_in_one_webhook_does_not_fire_on(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(), alert("CrmHighLatency"), alert(firing=False)])

    [incident] = await incidents(store)
    assert incident.firing == 1
    filed = await store.read(lambda tx: tx.alerts.of_incident(incident.id, limit=10))
    assert {each.alert.name: each.alert.status for each in filed} == {
        "CrmApiDown": AlertStatus.RESOLVED,
        "CrmHighLatency": AlertStatus.FIRING,
    }


async def test_a_resolve_wakes_the_incident_and_leaves_closing_to_the_pipeline(
    reception: Reception, store: SqlStore, clock: ManualClock
) -> None:
    await reception.receive([alert()])
    clock.move(60)
    await reception.receive([alert(firing=False)])

    [incident] = await incidents(store)
    assert incident.status is IncidentStatus.OPEN
    assert incident.wake_at is not None
    assert incident.wake_at <= clock.now()


async def test_a_resolve_of_an_alert_never_heard_of_opens_nothing(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(firing=False)])

    assert await incidents(store) == []
    assert len((await store.read(lambda tx: tx.alerts.page(limit=5, before=None)))[0]) == 1


async def test_the_watchdog_is_heard_and_never_an_incident(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert("Watchdog", severity="none")])

    assert await incidents(store) == []


class Ear:
    """Remembers what it was told of heartbeats."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def heard(self, source: SourceName, at: datetime) -> None:
        self.told.append(f"{source} heard at {at:%H:%M}")

    def stopped(self, source: SourceName) -> None:
        self.told.append(f"{source} stopped")

    def missed(self, source: SourceName) -> None:
        self.told.append(f"{source} missed")


async def test_every_repeat_of_a_heartbeat_is_passed_on_and_its_end_while_it_is_the_latest_word(
    store: SqlStore, clock: ManualClock, ids: CountingIds, bell: Bell
) -> None:
    ear = Ear()
    reception = build_reception(store, clock=clock, ids=ids, waker=bell, heartbeats=ear)

    for firing, minutes in ((True, 0), (True, 0), (False, 1), (True, 2), (False, 1)):
        await reception.receive([alert("Watchdog", firing=firing, minutes=minutes), alert("Other")])
        await reception.flush()

    assert ear.told == ["lab heard at 12:00", "lab heard at 12:00", "lab stopped", "lab heard at 12:00"]


async def test_an_alert_without_a_service_is_an_incident_of_its_own_name(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert("DiskFull", service=""), alert("ClockSkew", service="")])

    assert [incident.title for incident in await incidents(store)] == ["DiskFull says so", "ClockSkew says so"]


async def test_no_labels_give_the_identity_of_another_incident(
    reception: Reception, store: SqlStore, ids: CountingIds
) -> None:
    forged = [("a|b", "c"), ("a", "b|c"), ('a","b', "c"), ("", "health-score"), ("", "health")]
    await LowHealth(store, ids=ids, source=LAB).low(dataclasses.replace(READING, at=START - timedelta(hours=1)))
    await reception.receive([alert(tenant=tenant, service=service) for tenant, service in forged])

    assert len({incident.key for incident in await incidents(store)}) == len(forged) + 1


async def test_a_vip_alert_makes_its_whole_incident_a_vip(store: SqlStore, reception: Reception) -> None:
    await reception.receive([alert(tenant="vip-umbrella", severity="warning")])
    await reception.receive([alert("Other", tenant="vip-umbrella")])

    [incident] = await incidents(store)
    assert (incident.vip, incident.severity, incident.priority) == (True, Severity.CRITICAL, 0)


async def test_a_group_is_one_entry_of_the_timeline_that_names_some_and_counts_all(
    reception: Reception, store: SqlStore
) -> None:
    await reception.receive([alert(instance=f"crm-{number}") for number in range(3000)])

    [incident] = await incidents(store)
    entries = await store.read(lambda tx: tx.incidents.timeline(incident.id, limit=10, after=0))
    assert [stored.entry.kind for stored in entries] == [EventKind.OPENED, EventKind.ALERTS]
    assert entries[1].entry.facts["count"] == 3000
    assert len(entries[1].entry.text) < 1000
    assert len(await store.read(lambda tx: tx.alerts.of_incident(incident.id, limit=5000))) == 3000


async def test_one_batch_that_fires_and_resolves_ends_resolved(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert(), alert(firing=False)])

    [incident] = await incidents(store)
    [filed] = await store.read(lambda tx: tx.alerts.of_incident(incident.id, limit=5000))
    assert filed.alert.status is AlertStatus.RESOLVED


HISTORY = [alert(), alert(firing=False), alert(minutes=5), alert(firing=False, minutes=5)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_reports_in_any_order_end_in_the_same_state(
    reception: Reception, store: SqlStore, order: tuple[int, ...]
) -> None:
    for index in order:
        await reception.receive([HISTORY[index]])

    stored = await latest(store)
    assert stored.order == HISTORY[3].order


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(HISTORY), min_size=1, max_size=8))
async def test_the_newest_report_counts_whatever_repeats(
    reception: Reception, store: SqlStore, heard: list[Alert]
) -> None:
    before, _ = await store.read(lambda tx: tx.alerts.page(limit=1, before=None))
    for report in heard:
        await reception.receive([report])
    await reception.flush()

    stored = await latest(store)
    assert stored.order == max(each.order for each in [*heard, *(known.alert for known in before)])


async def test_a_change_is_logged_in_one_line_as_the_seed_says(
    reception: Reception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await reception.receive([alert("HealthScoreDegradation", severity="warning", tenant="acme-corp")])
        await reception.flush()

    assert (
        "ALERT: HealthScoreDegradation | severity=warning | tenant=acme-corp | "
        "summary='HealthScoreDegradation says so' | startsAt=2026-01-01T12:00:00Z"
    ) in caplog.text


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "critical"}, "critical"),
        ({"severity": "Page"}, "critical"),
        ({"severity": "", "priority": "low"}, "info"),
        ({"severity": "", "level": "error"}, "critical"),
        ({"severity": "warn", "priority": "page"}, "warning"),
        ({"severity": "none"}, "none"),
        ({"severity": "sky-high"}, "warning"),
        ({"severity": ""}, "warning"),
    ],
)
async def test_the_metric_counts_the_severity_that_the_agent_understood(
    reception: Reception, registry: CollectorRegistry, labels: dict[str, str], severity: str
) -> None:
    await reception.receive([alert(**labels)])
    await reception.flush()

    counted = {"alertname": "CrmApiDown", "severity": severity}
    assert registry.get_sample_value("aether_agent_alerts_total", counted) == 1


async def test_names_from_outside_cannot_grow_the_metric_for_ever(
    reception: Reception, registry: CollectorRegistry
) -> None:
    await reception.receive([alert(f"Name{number}", severity=f"s{number}") for number in range(1000)])
    await reception.flush()

    [family] = [family for family in registry.collect() if family.name == "aether_agent_alerts"]
    counted = [sample for sample in family.samples if sample.name == "aether_agent_alerts_total"]
    assert len(counted) <= 201
    assert sum(sample.value for sample in counted) == 1000


async def test_a_resolve_that_tells_an_earlier_start_ends_the_alert_all_the_same(
    reception: Reception, store: SqlStore
) -> None:
    """Of two Prometheus that began to fire at different times, Alertmanager tells the earlier start in the end."""
    over = replace(alert(firing=False, minutes=-1), ends_at=START + timedelta(minutes=10))
    await reception.receive([alert()])
    await reception.receive([over])
    await reception.receive([alert()])

    stored = await latest(store)
    assert stored.status is AlertStatus.RESOLVED


async def test_a_late_resolve_of_an_earlier_firing_does_not_end_the_present_one(
    reception: Reception, store: SqlStore
) -> None:
    earlier = replace(alert(firing=False, minutes=-10), ends_at=START - timedelta(minutes=5))
    await reception.receive([alert()])
    await reception.receive([earlier])

    stored = await latest(store)
    assert stored.status is AlertStatus.FIRING


async def test_labels_of_a_source_count_where_the_alert_has_none(
    store: SqlStore, clock: ManualClock, ids: CountingIds, bell: Bell
) -> None:
    labels = {LAB: {"tenant": "vip-umbrella", "service": "nothing", "env": "prod"}}
    reception = build_reception(store, clock=clock, ids=ids, waker=bell, source_labels=labels)
    await reception.receive([alert()])

    [incident] = await incidents(store)
    [filed] = await store.read(lambda tx: tx.alerts.of_incident(incident.id, limit=5))
    assert (incident.tenant, incident.vip, incident.service, incident.labels["env"]) == (
        "vip-umbrella",
        True,
        "crm",
        "prod",
    )
    assert "env" not in filed.alert.labels
