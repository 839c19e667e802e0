"""The probe in front of a client that answers what a test tells it: the QueryClient and Clock ports are faked here."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import AetherError, DeadlineError, RejectedError, UnreachableError
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.queries import QueryAnswer
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LAB = SourceName("lab")


@dataclass
class TickingClock:
    """Every look takes ten milliseconds."""

    at: datetime = START

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=10)
        return self.at

    def monotonic(self) -> float:
        return self.now().timestamp()


@dataclass
class Source:
    """A source whose clock is `ahead` of ours, with one series `up`, last scraped `age` seconds ago."""

    clock: TickingClock
    ahead: float = 0.0
    age: float = 1.0
    failure: BaseException | None = None
    answer: QueryAnswer | None = None
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, *, at: datetime | None = None) -> QueryAnswer:
        assert at is None
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        now = self.clock.now().timestamp() + self.ahead
        numbers = {"now": now, "value": 1.0, "current-0": now - self.age}
        return self.answer or QueryAnswer(
            "vector",
            [{"metric": {"aether_part": part}, "value": [now, str(number)]} for part, number in numbers.items()],
            1,
        )


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def source(clock: TickingClock) -> Source:
    return Source(clock)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def probe(source: Source, clock: TickingClock, registry: CollectorRegistry) -> PrometheusProbe:
    return PrometheusProbe({LAB: source}, ProbeOptions(), clock=clock, metrics=ProbeMetrics(registry))


async def test_one_question_is_asked_and_counted(
    probe: PrometheusProbe, source: Source, registry: CollectorRegistry
) -> None:
    evidence = await probe.check(LAB, "up == 1")

    assert (evidence.status, evidence.query, len(source.asked)) == (EvidenceStatus.HOLDS, "up == 1", 1)
    assert registry.get_sample_value("aether_agent_probe_checks_total", {"status": "holds"}) == 1
    assert registry.get_sample_value("aether_agent_probe_checks_total", {"status": "no_data"}) == 0


@pytest.mark.parametrize(
    "failure",
    [
        RejectedError("1:1: parse error", status=400),
        DeadlineError("too slow"),
        UnreachableError("connection refused"),
        AetherError("x"),
    ],
)
async def test_an_error_is_evidence_of_nothing_and_keeps_its_words(
    probe: PrometheusProbe, source: Source, failure: AetherError
) -> None:
    source.failure = failure

    evidence = await probe.check(LAB, "up")

    assert (evidence.status, evidence.detail, evidence.sample_at) == (EvidenceStatus.ERROR, str(failure), None)


async def test_a_defect_of_ours_is_evidence_of_nothing_and_logged(
    probe: PrometheusProbe, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.failure = ZeroDivisionError()

    evidence = await probe.check(LAB, "up")

    assert evidence.status is EvidenceStatus.ERROR
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("vector(1)", "no_data", "rests on no samples"),
        ("up offset 5m == 1", "no_data", "up offset 5m looks at another time than the present"),
        ("1 + 1", "error", "the query gives a scalar"),
        ("up[5m]", "error", "the query gives a matrix"),
        ("sum(", "error", "not PromQL"),
    ],
)
async def test_what_cannot_be_evidence_is_not_even_asked(
    probe: PrometheusProbe, source: Source, query: str, status: str, detail: str
) -> None:
    evidence = await probe.check(LAB, query)

    assert evidence.status == status
    assert detail in evidence.detail
    assert source.asked == []


async def test_an_unknown_source_is_an_error_that_names_the_known(probe: PrometheusProbe) -> None:
    evidence = await probe.check(SourceName("moon"), "up")

    assert (evidence.status, evidence.detail) == (EvidenceStatus.ERROR, "there is no source 'moon': known are lab")


async def test_an_answer_of_another_kind_is_an_error(probe: PrometheusProbe, source: Source) -> None:
    source.answer = QueryAnswer("scalar", [1, "2"], 2.0)

    assert (await probe.check(LAB, "up")).status is EvidenceStatus.ERROR


@pytest.mark.parametrize("ahead", [-3600.0, -2.0, 0.0, 0.5, 3600.0])
async def test_a_sample_from_before_the_action_is_told_whatever_the_clocks_say(
    probe: PrometheusProbe, source: Source, clock: TickingClock, ahead: float
) -> None:
    source.ahead = ahead
    acted_at = clock.now()
    clock.at += timedelta(seconds=0.9)

    before = await probe.check(LAB, "up", newer_than=acted_at)
    clock.at += timedelta(seconds=0.5)
    after = await probe.check(LAB, "up", newer_than=acted_at)

    assert (before.status, after.status) == (EvidenceStatus.NO_DATA, EvidenceStatus.HOLDS)
    assert after.sample_at is not None
    assert acted_at < after.sample_at < after.checked_at
