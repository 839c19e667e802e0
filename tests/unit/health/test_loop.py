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
from aetherlink.lib.clock import SystemClock
from aetherlink.model.health import HealthReading
from aetherlink.model.queries import QueryAnswer
from aetherlink.testing import ManualClock

Scripted = float | None | Exception | QueryAnswer
QUICK = HealthOptions(interval=timedelta(milliseconds=100), check_at_start=True)


@dataclass
class Source:
    """Answers what it was told, one by one, and the last one for ever."""

    answers: list[Scripted] = field(default_factory=lambda: [85.5])
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, *, at: datetime | None = None) -> QueryAnswer:
        assert at is None
        self.asked.append(query)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, QueryAnswer):
            return answer
        result: list[object] = [] if answer is None else [{"metric": {}, "value": [1, str(answer)]}]
        return QueryAnswer("vector", result, answer)


@dataclass
class Sink:
    """Remembers what it was told; `failure` makes the next call fail."""

    told: list[tuple[str, float | None]] = field(default_factory=list)
    failure: Exception | None = None

    async def low(self, reading: HealthReading) -> None:
        self._take("low", reading)

    async def recovered(self, reading: HealthReading) -> None:
        self._take("recovered", reading)

    def _take(self, what: str, reading: HealthReading) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.told.append((what, reading.score))


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
        return self.registry.get_sample_value("aether_agent_health_checks_total", {"status": status})


def build(options: HealthOptions, clock: ManualClock | SystemClock) -> Rig:
    source, sink, registry = Source(), Sink(), CollectorRegistry()
    loop = HealthLoop(source, options, clock=clock, metrics=HealthMetrics(registry), sink=sink)
    return Rig(source, sink, registry, loop)


@pytest.fixture
def rig(clock: ManualClock) -> Rig:
    return build(HealthOptions(), clock)


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aetherlink.health")


@pytest.fixture
async def running() -> AsyncIterator[Callable[[HealthOptions], Rig]]:
    """Makes loops that run on the machine's own clock, and stops them."""
    made: list[Rig] = []

    def start(options: HealthOptions) -> Rig:
        made.append(build(options, SystemClock()))
        made[-1].loop.start()
        return made[-1]

    yield start
    for rig in made:
        await rig.loop.stop()


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

    assert "a health check failed" in caplog.text
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
