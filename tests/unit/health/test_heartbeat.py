"""The heartbeat: a source that was heard once and falls silent is blind, until it is heard again."""

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import StoreError
from aetherlink.health.heartbeat import Heartbeats
from aetherlink.health.heartbeat_options import HeartbeatOptions
from aetherlink.health.metrics import HeartbeatMetrics
from aetherlink.incidents.blindness import Blindness
from aetherlink.incidents.condition import Conditions
from aetherlink.model.alerts import Alert, AlertStatus, Standing, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.patience import eventually

PROD, TEST = SourceName("prod"), SourceName("test")


class Known:
    """The standings: of one source a heartbeat may stand."""

    def __init__(self) -> None:
        self.firing_heartbeats: set[SourceName] = set()

    def of(self, _source: SourceName, _fingerprint: Fingerprint) -> Standing | None:
        return None

    def firing(self, source: SourceName) -> dict[Fingerprint, Standing]:
        stands = Standing(1, START, AlertStatus.FIRING, Suppression.HEARTBEAT, None)
        return {Fingerprint("aa"): stands} if source in self.firing_heartbeats else {}

    def is_old_news(self, _alert: Alert) -> bool:
        return False


class BrokenSink(Blindness):
    """Cannot write while it is told so."""

    is_broken = False

    async def blind(self, source: SourceName, at: datetime, why: str) -> None:
        if self.is_broken:
            raise StoreError("disk full")
        await super().blind(source, at, why)


class Rig:
    def __init__(self, store: SqlStore, clock: ManualClock, ids: CountingIds) -> None:
        self.store = store
        self.clock = clock
        self.known = Known()
        self.sink = BrokenSink(Conditions(store, ids=ids))
        self.restart()

    def restart(self) -> None:
        self.registry = CollectorRegistry()
        self.heartbeats = Heartbeats(
            [PROD, TEST],
            HeartbeatOptions(timeout=timedelta(seconds=300)),
            clock=self.clock,
            standings=self.known,
            sink=self.sink,
            metrics=HeartbeatMetrics(self.registry),
        )

    def hear(self, source: SourceName = PROD) -> None:
        self.heartbeats.heard(source, self.clock.now())

    async def check(self, seconds: float = 0) -> frozenset[SourceName]:
        self.clock.move(seconds)
        await self.heartbeats.check()
        return self.heartbeats.blind_sources

    async def incidents(self) -> list[Incident]:
        return (await self.store.read(lambda rows: rows.incidents.page(limit=10, before=None)))[0]

    def gauge(self, source: str) -> float | None:
        return self.registry.get_sample_value("aether_agent_blind", {"source": source})


@pytest.fixture
async def rig(
    store: SqlStore, clock: ManualClock, ids: CountingIds, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Rig]:
    caplog.set_level(logging.INFO, logger="aetherlink.health")
    rig = Rig(store, clock, ids)
    await rig.heartbeats.start()
    yield rig
    await rig.heartbeats.stop()


async def test_a_source_that_never_had_a_heartbeat_cannot_miss_it(rig: Rig) -> None:
    rig.heartbeats.missed(PROD)
    rig.heartbeats.missed(PROD)

    assert await rig.check(10_000) == frozenset()
    assert (rig.gauge("prod"), rig.gauge("test")) == (0, 0)


async def test_silence_for_too_long_is_an_incident_that_ends_with_it(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.hear()
    assert await rig.check(300) == frozenset()
    assert await rig.check(1) == {PROD}
    assert await rig.check(600) == {PROD}

    [incident] = await rig.incidents()
    assert (incident.title, incident.severity) == ("monitoring of source prod is blind", Severity.CRITICAL)
    assert (rig.gauge("prod"), rig.gauge("test")) == (1, 0)
    rig.hear()
    assert await rig.check() == frozenset()
    [incident] = await rig.incidents()
    assert (incident.status, rig.gauge("prod")) == (IncidentStatus.RESOLVED, 0)
    timeline = await rig.store.read(lambda rows: rows.incidents.timeline(incident.id, limit=10, after=0))
    opened, resolved = (stored.entry.text for stored in timeline)
    why = "its heartbeat was not heard for 300 s, last heard at 2026-01-01 12:00:00 UTC"
    assert opened == f"monitoring of source prod is blind: {why}"
    assert resolved == "the heartbeat of source prod is heard again"
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [opened]


async def test_two_lists_without_it_are_enough_and_one_is_not(rig: Rig) -> None:
    rig.hear()
    rig.heartbeats.missed(PROD)
    assert await rig.check() == frozenset()
    rig.hear()
    rig.heartbeats.missed(PROD)
    assert await rig.check() == frozenset()
    rig.heartbeats.missed(PROD)

    assert await rig.check() == {PROD}


async def test_its_end_is_enough(rig: Rig) -> None:
    rig.hear()
    rig.heartbeats.stopped(PROD)
    assert await rig.check() == {PROD}

    rig.hear()
    assert await rig.check() == frozenset()


async def test_a_heartbeat_that_stood_before_the_start_is_missed_after_it(rig: Rig) -> None:
    rig.known.firing_heartbeats = {PROD}
    rig.restart()
    await rig.heartbeats.start()

    assert await rig.check(300) == frozenset()
    assert await rig.check(1) == {PROD}
    await rig.heartbeats.stop()


async def test_blindness_outlasts_a_restart_and_is_told_once(rig: Rig) -> None:
    rig.hear()
    await rig.check(301)
    rig.restart()
    await rig.heartbeats.start()

    assert await rig.check() == {PROD}
    assert (rig.gauge("prod"), len(await rig.incidents())) == (1, 1)
    rig.hear()
    assert await rig.check() == frozenset()
    assert (await rig.incidents())[0].status is IncidentStatus.RESOLVED
    await rig.heartbeats.stop()


async def test_what_could_not_be_recorded_is_recorded_later_and_known_at_once(rig: Rig) -> None:
    rig.hear()
    rig.sink.is_broken = True

    assert await rig.check(301) == {PROD}
    assert (rig.gauge("prod"), await rig.incidents()) == (1, [])
    rig.sink.is_broken = False
    await rig.check()
    assert len(await rig.incidents()) == 1


async def test_sources_that_nobody_configured_are_ignored(rig: Rig) -> None:
    stranger = SourceName("stranger")
    rig.hear(stranger)
    rig.heartbeats.missed(stranger)
    rig.heartbeats.stopped(stranger)

    assert await rig.check(10_000) == frozenset()


class Witness:
    """A sink that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def blind(self, source: SourceName, at: datetime, why: str) -> None:
        self.told.append(f"{source} is blind at {at}: {why}")

    async def sighted(self, source: SourceName, at: datetime) -> None:
        self.told.append(f"{source} sees at {at}")

    async def is_blind(self, source: SourceName) -> bool:
        return source in self.told


async def test_it_looks_by_itself(clock: ManualClock) -> None:
    witness = Witness()
    heartbeats = Heartbeats(
        [PROD],
        HeartbeatOptions(timeout=timedelta(milliseconds=100)),
        clock=clock,
        standings=Known(),
        sink=witness,
        metrics=HeartbeatMetrics(CollectorRegistry()),
    )
    await heartbeats.start()
    heartbeats.heard(PROD, clock.now())
    clock.move(1)
    await eventually(lambda: len(witness.told) == 1)

    assert heartbeats.is_alive
    await heartbeats.stop()
    assert not heartbeats.is_alive


class Faulty(Witness):
    """Fails at first, as nobody foresaw."""

    is_faulty = True

    async def blind(self, source: SourceName, at: datetime, why: str) -> None:
        if self.is_faulty:
            self.is_faulty = False
            raise RuntimeError("a bug")
        await super().blind(source, at, why)


async def test_a_fault_of_one_look_ends_no_other(clock: ManualClock) -> None:
    faulty = Faulty()
    heartbeats = Heartbeats(
        [PROD],
        HeartbeatOptions(timeout=timedelta(milliseconds=100)),
        clock=clock,
        standings=Known(),
        sink=faulty,
        metrics=HeartbeatMetrics(CollectorRegistry()),
    )
    await heartbeats.start()
    heartbeats.heard(PROD, clock.now())
    clock.move(1)

    await eventually(lambda: len(faulty.told) == 1)
    await heartbeats.stop()
