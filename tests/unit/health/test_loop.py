"""The health loop: what it makes of answers, what it logs and counts, and whom it tells (the ports are faked)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from aetherlink.errors import DeadlineError, RejectedError, StoreError
from aetherlink.health.loop import HealthLoop
from aetherlink.health.metrics import HealthMetrics
from aetherlink.health.options import HealthOptions
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.options import LabelOptions
from aetherlink.lib.clock import SystemClock
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import SourceName
from aetherlink.model.queries import QueryAnswer
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock

Scripted = float | None | Exception | QueryAnswer
OPTIONS = HealthOptions()
FRESH = {"whole_0": 0.4, "tenants_0": 0.5, "scraped": 0.2, "alive": 1.0}
LAB = SourceName("lab")
NAMES = LabelMapping(LabelOptions(), ["vip-*"])
QUICK = HealthOptions(interval=timedelta(milliseconds=100), check_at_start=True)


@dataclass
class Source:
    """Answers what it was told, one by one, and the last one for ever."""

    answers: list[Scripted] = field(default_factory=lambda: [85.5])
    asked: list[str] = field(default_factory=list)
    tenants: dict[str, float] | Exception = field(default_factory=dict)
    basis: dict[str, float] | Exception = field(default_factory=lambda: dict(FRESH))
    parts: dict[str, float] | Exception = field(default_factory=dict)

    async def instant(self, query: str, *, at: datetime | None = None) -> QueryAnswer:
        assert at is None
        if query == OPTIONS.tenant_query:
            return self._by_label("tenant", self.tenants)
        if "aether_part" in query:
            return self._by_label("aether_part", self.basis if "timestamp" in query else self.parts)
        self.asked.append(query)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, QueryAnswer):
            return answer
        result: list[object] = [] if answer is None else [{"metric": {}, "value": [1, str(answer)]}]
        return QueryAnswer("vector", result, answer)

    @staticmethod
    def _by_label(name: str, found: dict[str, float] | Exception) -> QueryAnswer:
        if isinstance(found, Exception):
            raise found
        result: list[object] = [{"metric": {name: key}, "value": [1, str(value)]} for key, value in found.items()]
        return QueryAnswer("vector", result, next(iter(found.values()), None))


@dataclass
class Sink:
    """Remembers what it was told; `failure` makes the next call fail."""

    told: list[tuple[str, float | None]] = field(default_factory=list)
    readings: list[HealthReading] = field(default_factory=list)
    failure: Exception | None = None

    async def low(self, reading: HealthReading) -> None:
        self._take("low", reading)

    async def recovered(self, reading: HealthReading) -> None:
        self._take("recovered", reading)

    def _take(self, what: str, reading: HealthReading) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.readings.append(reading)
        if not reading.tenant:
            self.told.append((what, reading.score))

    def told_of(self, tenant: str) -> list[float | None]:
        """The low scores of this tenant that it was told."""
        return [reading.score for reading in self.readings if (reading.tenant, reading.status) == (tenant, "low")]


@dataclass
class Rig:
    source: Source
    sink: Sink
    registry: CollectorRegistry
    loop: HealthLoop

    async def check(self, *answers: Scripted) -> list[HealthReading]:
        """One check for each answer."""
        readings = []
        for answer in answers:
            self.source.answers = [answer]
            readings.append(await self.loop.check())
        return readings

    def counted(self, status: str) -> float | None:
        return self.shown("aether_agent_health_checks_total", status=status)

    def shown(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)


def build(options: HealthOptions, clock: ManualClock | SystemClock, store: SqlStore) -> Rig:
    source, sink, registry = Source(), Sink(), CollectorRegistry()
    metrics = HealthMetrics(registry)
    loop = HealthLoop(source, options, source=LAB, store=store, names=NAMES, clock=clock, metrics=metrics, sink=sink)
    return Rig(source, sink, registry, loop)


@pytest.fixture
def rig(clock: ManualClock, store: SqlStore) -> Rig:
    return build(HealthOptions(), clock, store)


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aetherlink.health")


@pytest.fixture
async def running(store: SqlStore) -> AsyncIterator[Callable[[HealthOptions], Rig]]:
    """Makes loops that run on the machine's own clock, and stops them."""
    made: list[Rig] = []

    def start(options: HealthOptions) -> Rig:
        made.append(build(options, SystemClock(), store))
        made[-1].loop.start()
        return made[-1]

    yield start
    for rig in made:
        await rig.loop.stop()
    await store.write(lambda _: None)  # what they left in the queue is done, while there is a loop to tell


async def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_good_score_is_logged_in_the_seeds_words(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    (reading,) = await rig.check(85.5)

    assert (reading.status, reading.score, reading.consecutive_low) == ("ok", 85.5, 0)
    assert [record.getMessage() for record in caplog.records] == ["Health score: 85.50"]
    assert rig.source.asked == ["aether:health_score:15m"]
    assert rig.loop.latest is reading


@pytest.mark.parametrize(("score", "status"), [(60.0, "ok"), (59.99, "low"), (0.0, "low"), (100.0, "ok")])
async def test_low_is_under_the_threshold(rig: Rig, score: float, status: str) -> None:
    (reading,) = await rig.check(score)

    assert reading.status == status


async def test_low_twice_in_a_row_warns_and_tells(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.check(50.0)
    assert rig.sink.told == []

    await rig.check(40.0)

    assert rig.sink.told == [("low", 40.0)]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["Health score is low 2 times in a row: 40.00"]


async def test_low_is_told_again_as_long_as_it_lasts_and_the_recovery_once(rig: Rig) -> None:
    await rig.check(50.0, 50.0, 50.0, 90.0, 90.0)

    assert rig.sink.told == [("low", 50.0), ("low", 50.0), ("recovered", 90.0)]


async def test_the_first_good_reading_after_a_start_is_told(rig: Rig) -> None:
    """An incident that an earlier run opened would stay open otherwise."""
    await rig.check(90.0, 90.0)

    assert rig.sink.told == [("recovered", 90.0)]


async def test_every_low_spell_ends_with_its_own_recovery(rig: Rig) -> None:
    await rig.check(90.0, 50.0, 50.0, 90.0)

    assert rig.sink.told == [("recovered", 90.0), ("low", 50.0), ("recovered", 90.0)]


async def test_a_good_reading_between_two_low_ones_starts_the_count_again(rig: Rig) -> None:
    readings = await rig.check(50.0, 90.0, 50.0)

    assert [reading.consecutive_low for reading in readings] == [1, 0, 1]
    assert ("low", 50.0) not in rig.sink.told


@pytest.mark.parametrize("blind", [None, DeadlineError("too slow")])
async def test_what_was_not_seen_is_no_good_news(rig: Rig, blind: Scripted) -> None:
    """No data between two low readings neither ends the row nor counts in it."""
    readings = await rig.check(50.0, blind, blind, 50.0)

    assert [reading.consecutive_low for reading in readings] == [1, 1, 1, 2]
    assert rig.sink.told == [("low", 50.0)]


async def test_no_data_and_errors_are_logged_when_they_begin_only(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    refused = RejectedError("1:4: parse error", status=400)

    await rig.check(None, None, refused, refused, 90.0, None)

    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "Health score unknown (no_data)",
        "Health score unknown (error)",
        "Health score",
        "Health score unknown (no_data)",
    ]
    assert "1:4: parse error" in caplog.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (QueryAnswer("vector", [{}, {}], 90.0), "gave 2 samples where one score belongs: aggregate it"),
        (QueryAnswer("matrix", [{}], None), "gave a matrix"),
        (QueryAnswer("vector", [{}], 101.0), "gave 101, which is no score from 0 to 100"),
        (QueryAnswer("scalar", [1, "-1"], -1.0), "gave -1"),
    ],
)
async def test_what_is_no_score_is_an_error_that_says_what_to_change(rig: Rig, answer: QueryAnswer, words: str) -> None:
    (reading,) = await rig.check(answer)

    assert (reading.status, reading.score) == ("error", None)
    assert words in reading.detail
    assert "health.query" in reading.detail


async def test_every_status_is_counted_and_there_from_the_start(rig: Rig) -> None:
    assert [rig.counted(status) for status in ("ok", "low", "no_data", "error")] == [0, 0, 0, 0]

    await rig.check(90.0, 90.0, 50.0, None, DeadlineError("x"))

    assert [rig.counted(status) for status in ("ok", "low", "no_data", "error")] == [2, 1, 1, 1]


async def test_a_store_that_is_away_is_told_again_at_the_next_check(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.check(50.0)
    rig.sink.failure = StoreError("disk full")

    await rig.check(50.0, 50.0)

    assert rig.sink.told == [("low", 50.0)]
    assert "could not be recorded: disk full" in caplog.text


async def test_the_loop_says_its_interval_and_checks_at_once_when_asked(
    running: Callable[[HealthOptions], Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = running(HealthOptions(check_at_start=True))

    await eventually(lambda: rig.loop.latest is not None)

    assert caplog.messages[0] == "Starting health check background loop (60s interval)"
    assert rig.loop.is_alive


async def test_without_that_the_first_check_waits_an_interval(running: Callable[[HealthOptions], Rig]) -> None:
    begun = time.monotonic()
    rig = running(HealthOptions(interval=timedelta(milliseconds=200)))

    await eventually(lambda: rig.loop.latest is not None)

    assert time.monotonic() - begun >= 0.2


async def test_the_loop_goes_on_after_a_defect(
    running: Callable[[HealthOptions], Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = running(QUICK)
    rig.source.answers = [ZeroDivisionError("a defect of ours"), 90.0]

    await eventually(lambda: rig.loop.latest is not None)

    assert "health loop: a look failed: ZeroDivisionError" in caplog.text
    assert rig.loop.is_alive


async def test_stopping_ends_it_in_mid_question(running: Callable[[HealthOptions], Rig]) -> None:
    rig = running(QUICK)

    async def never(query: str, *, at: datetime | None = None) -> QueryAnswer:
        rig.source.asked.append(query)
        await asyncio.Event().wait()
        raise AssertionError(at)

    rig.source.instant = never  # type: ignore[method-assign]  # the fake is told to hang
    await eventually(lambda: bool(rig.source.asked))

    await asyncio.wait_for(rig.loop.stop(), timeout=1)

    assert not rig.loop.is_alive


async def test_switched_off_it_asks_nothing_and_counts_as_alive(
    running: Callable[[HealthOptions], Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = running(HealthOptions(enabled=False, check_at_start=True))
    await asyncio.sleep(0)

    assert rig.source.asked == []
    assert rig.loop.is_alive
    assert "switched off" in caplog.text


@pytest.mark.parametrize(
    "given", [{"interval": 0}, {"interval": "soon"}, {"threshold": 101}, {"query": ""}, {"intervall": "1s"}]
)
def test_settings_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        HealthOptions.model_validate(given)


# --- by tenant


async def test_each_tenant_has_its_own_score_vips_first(rig: Rig) -> None:
    rig.source.tenants = {"acme-corp": 90.0, "vip-umbrella": 40.0, "beta": 70.0}

    await rig.check(85.0)

    assert [(one.tenant, one.vip, one.status, one.score) for one in rig.loop.present] == [
        ("", False, "ok", 85.0),
        ("vip-umbrella", True, "low", 40.0),
        ("acme-corp", False, "ok", 90.0),
        ("beta", False, "ok", 70.0),
    ]


async def test_a_tenant_that_is_low_twice_is_told_alone(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.source.tenants = {"acme-corp": 40.0, "beta": 90.0}

    await rig.check(85.0, 85.0)

    assert rig.sink.told_of("acme-corp") == [40.0]
    assert rig.sink.told_of("beta") == rig.sink.told_of("") == []
    assert "Health score of acme-corp is low 2 times in a row: 40.00" in caplog.messages


async def test_a_tenant_that_vanished_is_no_data_and_not_well(rig: Rig) -> None:
    rig.source.tenants = {"acme-corp": 40.0}
    await rig.check(85.0)
    rig.source.tenants = {}

    await rig.check(85.0, 85.0)

    gone = rig.loop.present[1]
    assert (gone.tenant, gone.status, gone.consecutive_low) == ("acme-corp", "no_data", 1)
    assert "gone" in gone.detail
    assert [reading.status for reading in rig.sink.readings if reading.tenant] == []


async def test_tenants_that_cannot_be_asked_are_an_error_and_the_whole_is_not(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.source.tenants = {"acme-corp": 40.0, "beta": 50.0}
    await rig.check(85.0)
    rig.source.tenants = DeadlineError("too slow")

    await rig.check(85.0, 85.0)

    assert [reading.status for reading in rig.loop.present] == ["ok", "error", "error"]
    assert [reading.consecutive_low for reading in rig.loop.present] == [0, 1, 1]
    assert caplog.messages.count("Health scores of the tenants unknown: too slow") == 1


@pytest.mark.parametrize(
    ("number", "status"), [(float("nan"), "no_data"), (float("inf"), "no_data"), (101.0, "error"), (-1.0, "error")]
)
async def test_what_is_no_score_of_a_tenant_is_none(rig: Rig, number: float, status: str) -> None:
    rig.source.tenants = {"acme-corp": number, "beta": 90.0}

    await rig.check(85.0)

    assert {one.tenant: one.status for one in rig.loop.present} == {"": "ok", "acme-corp": status, "beta": "ok"}


async def test_a_vanished_tenant_is_forgotten_after_a_day(rig: Rig, clock: ManualClock) -> None:
    rig.source.tenants = {"acme-corp": 90.0}
    await rig.check(85.0)
    rig.source.tenants = {}

    clock.move(86_399)
    await rig.check(85.0)
    assert [one.tenant for one in rig.loop.present] == ["", "acme-corp"]
    clock.move(2)
    await rig.check(85.0)

    assert [one.tenant for one in rig.loop.present] == [""]
    assert rig.shown("aether_agent_health_status", tenant="acme-corp", status="no_data") is None


async def test_tenants_are_bounded_vips_have_room_and_the_rest_is_said_once(
    clock: ManualClock, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    rig = build(HealthOptions(most_tenants=3), clock, store)
    rig.source.tenants = {f"tenant-{number}": 90.0 for number in range(10)}
    await rig.check(85.0)
    rig.source.tenants |= {"vip-late": 90.0, "x" * 500: 90.0}

    await rig.check(85.0, 85.0)

    assert [one.tenant for one in rig.loop.present] == ["", "vip-late", "tenant-0", "tenant-1"]
    assert rig.shown("aether_agent_health_tenants_left_out") == 9
    assert sum("are not watched" in message for message in caplog.messages) == 1


async def test_scores_and_statuses_are_shown_by_tenant(rig: Rig) -> None:
    rig.source.tenants = {"acme-corp": 40.0, "all": 90.0}
    await rig.check(85.0)

    assert rig.shown("aether_agent_health_score", tenant="all") == 85.0
    assert rig.shown("aether_agent_health_score", tenant='"all"') == 90.0
    assert rig.shown("aether_agent_health_status", tenant="acme-corp", status="low") == 1
    await rig.check(None)

    assert rig.shown("aether_agent_health_score", tenant="all") is None
    assert rig.shown("aether_agent_health_status", tenant="all", status="no_data") == 1
    assert rig.shown("aether_agent_health_status", tenant="all", status="ok") == 0


# --- what the score rests on


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ({**FRESH, "scraped": 130.0}, "the data behind the score are 130 s old"),
        ({**FRESH, "whole_0": 121.0}, "its rule is not evaluated any more"),
        ({name: FRESH[name] for name in ("whole_0", "tenants_0", "alive")}, "nothing tells when the data"),
        ({name: FRESH[name] for name in ("tenants_0", "scraped", "alive")}, "none of its series has a sample now"),
    ],
)
@pytest.mark.parametrize("score", [90.0, 10.0])
async def test_old_data_are_neither_good_nor_bad_news(
    rig: Rig, basis: dict[str, float], words: str, score: float
) -> None:
    rig.source.basis = basis

    readings = await rig.check(score, score, score)

    assert {(reading.status, reading.score, reading.consecutive_low) for reading in readings} == {("no_data", None, 0)}
    assert words in readings[0].detail
    assert rig.sink.readings == []


async def test_over_dead_targets_a_low_score_counts_and_a_good_one_does_not(rig: Rig) -> None:
    """A dead target is bad news that was seen; a ratio over a window goes on to look well over it."""
    rig.source.basis = {**FRESH, "alive": 0.0}

    low, good = await rig.check(0.0, 95.0)

    assert (low.status, good.status) == ("low", "no_data")
    assert "everything behind the score is down" in good.detail


async def test_old_scores_of_tenants_are_no_data_while_the_whole_is_fresh(rig: Rig) -> None:
    rig.source.tenants = {"acme-corp": 10.0}
    rig.source.basis = {**FRESH, "tenants_0": 500.0}

    await rig.check(85.0)

    assert [reading.status for reading in rig.loop.present] == ["ok", "no_data"]


async def test_a_basis_that_cannot_be_asked_is_an_error_for_all(rig: Rig) -> None:
    rig.source.tenants = {"acme-corp": 10.0}
    rig.source.basis = DeadlineError("too slow")

    await rig.check(85.0)

    assert [reading.status for reading in rig.loop.present] == ["error", "error"]


async def test_without_the_questions_of_freshness_the_score_stands_alone(clock: ManualClock, store: SqlStore) -> None:
    options = HealthOptions(query="vector(12)", tenant_query=None, freshness_query=None, alive_query=None)
    rig = build(options, clock, store)
    rig.source.basis = AssertionError("there is nothing to ask")

    (reading,) = await rig.check(12.0)

    assert reading.status == "low"


# --- its parts, its trend


async def test_the_parts_that_pull_it_down_are_named_the_worst_first(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.source.parts = {"success": 0.41, "availability": 0.0, "latency": 1.0, "saturation": 7.0}

    readings = await rig.check(0.0, 0.0)

    assert [part.name for part in readings[-1].parts] == ["availability", "success", "latency"]
    assert (
        "Health score is low 2 times in a row: 0.00, pulled down by availability (0.00) and success (0.41)"
        in caplog.messages
    )


async def test_a_score_counts_although_its_parts_cannot_be_asked(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.source.parts = DeadlineError("too slow")

    readings = await rig.check(85.0, 85.0)

    assert {reading.status for reading in readings} == {"ok"}
    assert sum("parts of the health score cannot be asked" in message for message in caplog.messages) == 1


async def test_a_falling_score_has_a_forecast_and_what_was_not_seen_has_none(rig: Rig, clock: ManualClock) -> None:
    for score in (90.0, 88.0, 86.0, 84.0, 82.0, 80.0):
        (reading,) = await rig.check(score)
        clock.move(60)

    assert reading.forecast is not None
    assert reading.forecast.likely == timedelta(minutes=10)
    (blind,) = await rig.check(None)
    assert blind.forecast is None


async def test_a_score_that_came_back_is_foretold_from_there_on(rig: Rig, clock: ManualClock) -> None:
    for score in (100.0, 100.0, 0.0, 0.0, 80.0, 81.0, 82.0, 83.0, 84.0):
        (reading,) = await rig.check(score)
        clock.move(60)

    assert reading.forecast is None


# --- the history


async def stored(store: SqlStore) -> list[HealthReading]:
    found, _ = await store.read(lambda tx: tx.health.page(source=LAB, tenant=None, since=None, limit=500, before=None))
    return [reading for _, reading in found]


async def test_every_reading_is_stored_as_it_was(rig: Rig, store: SqlStore, clock: ManualClock) -> None:
    rig.source.tenants = {"acme-corp": 40.0}
    rig.source.parts = {"success": 0.41}
    for score in (90.0, 85.0, 80.0, 75.0, 70.0):
        await rig.check(score)
        clock.move(60)

    assert (await stored(store))[:2] == list(rig.loop.present[::-1])
    assert len(await stored(store)) == 10


async def test_counts_and_trends_survive_a_restart(rig: Rig, store: SqlStore, clock: ManualClock) -> None:
    rig.source.tenants = {"acme-corp": 40.0}
    for score in (90.0, 85.0, 80.0, 75.0, 70.0):
        await rig.check(score)
        clock.move(60)
    again = build(HealthOptions(), clock, store)
    again.source.tenants = {"acme-corp": 30.0}

    await again.loop.restore()
    (reading,) = await again.check(65.0)

    assert reading.forecast is not None
    assert again.loop.present[1].consecutive_low == 6
    assert again.sink.told_of("acme-corp") == [30.0]


async def test_a_count_that_ended_long_ago_begins_anew(rig: Rig, store: SqlStore, clock: ManualClock) -> None:
    await rig.check(40.0, 40.0)
    clock.move(600)
    again = build(HealthOptions(), clock, store)

    await again.loop.restore()
    (reading,) = await again.check(40.0)

    assert reading.consecutive_low == 1


async def test_a_tenant_that_vanished_over_a_restart_is_known_to_be_gone(
    rig: Rig, store: SqlStore, clock: ManualClock
) -> None:
    rig.source.tenants = {"acme-corp": 90.0}
    await rig.check(85.0)
    again = build(HealthOptions(), clock, store)

    await again.loop.restore()
    await again.check(85.0)

    assert [(one.tenant, one.status) for one in again.loop.present] == [("", "ok"), ("acme-corp", "no_data")]


async def test_old_readings_go_a_bounded_number_at_a_check(clock: ManualClock, store: SqlStore) -> None:
    rig = build(HealthOptions(history=timedelta(minutes=10)), clock, store)
    for _ in range(30):
        await rig.check(85.0)
        clock.move(60)

    assert len(await stored(store)) == 11


async def test_a_store_that_is_away_costs_the_history_and_no_check(
    rig: Rig, store: SqlStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(store, "write", away)
    monkeypatch.setattr(store, "read", away)
    await rig.loop.restore()

    readings = await rig.check(85.0, 85.0)

    assert {reading.status for reading in readings} == {"ok"}
    assert caplog.messages.count("health readings are not stored: disk full") == 1
    assert "counting begins anew" in caplog.text
