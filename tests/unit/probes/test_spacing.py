"""How far apart samples are: asked along with the query, now and then; and which samples are too old for that."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import UnreachableError
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.queries import QueryAnswer
from aetherlink.probes import spacing
from aetherlink.probes.expression import read_expression
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe
from aetherlink.testing import ManualClock

LAB = SourceName("lab")
_FEWEST = 3
FOUR_INTERVALS = timedelta(seconds=75)  # five samples within five minutes


@dataclass
class Source:
    """A source of one series with `count` samples within five minutes, the last one `age` seconds old.

    Of one with fewer than three it says nothing: there are none both in the last two minutes and before.
    """

    clock: ManualClock
    count: float | None = 5
    age: float = 1.0
    failure: UnreachableError | None = None
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, *, at: object = None) -> QueryAnswer:
        assert at is None
        self.asked.append(query)
        if self.failure is not None:
            raise self.failure
        now = self.clock.now().timestamp()
        numbers = {"now": now, "value": 1.0, "current-0": now - self.age}
        if "spacing-0" in query and self.count is not None and not self.count < _FEWEST:
            numbers["spacing-0"] = 300 / (self.count - 1)
        parts = [{"metric": {"aether_part": part}, "value": [now, str(each)]} for part, each in numbers.items()]
        return QueryAnswer("vector", parts, 1)

    @property
    def counted(self) -> list[bool]:
        """Of each question whether it asked for the samples."""
        return ["count_over_time" in query for query in self.asked]


@dataclass
class Eyes:
    """A probe in front of that source."""

    source: Source
    probe: PrometheusProbe
    clock: ManualClock

    async def check(self, query: str = "up == 0") -> Evidence:
        return await self.probe.check(LAB, query)


@pytest.fixture
def eyes(clock: ManualClock) -> Eyes:
    return eyes_with(clock, ProbeOptions())


def eyes_with(clock: ManualClock, options: ProbeOptions) -> Eyes:
    source = Source(clock)
    metrics = ProbeMetrics(CollectorRegistry())
    return Eyes(source, PrometheusProbe({LAB: source}, options, clock=clock, metrics=metrics), clock)


async def test_it_is_asked_along_with_the_query_and_then_remembered_for_ten_minutes(eyes: Eyes) -> None:
    assert [(await eyes.check()).spacing for _ in range(3)] == [FOUR_INTERVALS] * 3
    assert eyes.source.counted == [True, False, False], "one question each time, and the dear part of it once"

    eyes.clock.move(601)
    eyes.source.count = 11
    assert (await eyes.check()).spacing == timedelta(seconds=30)
    assert eyes.source.counted[3:] == [True]


async def test_what_is_asked_of_the_same_series_is_known_already(eyes: Eyes) -> None:
    await eyes.check("up == 0")

    assert (await eyes.check("up == 1")).spacing == FOUR_INTERVALS
    assert (await eyes.check("down == 1")).spacing == FOUR_INTERVALS
    assert eyes.source.counted == [True, False, True]


@pytest.mark.parametrize("count", [None, 1.0, float("nan"), float("inf")])
async def test_where_nobody_knows_samples_of_five_minutes_count_as_ever(eyes: Eyes, count: float | None) -> None:
    eyes.source.count, eyes.source.age = count, 299.0

    seen = await eyes.check()

    assert (seen.status, seen.spacing) == (EvidenceStatus.HOLDS, None)


@pytest.mark.parametrize(
    ("count", "age", "status"),
    [
        (21, 44.0, EvidenceStatus.HOLDS),  # 15 s apart
        (21, 46.0, EvidenceStatus.NO_DATA),
        (301, 29.0, EvidenceStatus.HOLDS),  # one second apart: a scrape that comes late makes nobody blind
        (301, 31.0, EvidenceStatus.NO_DATA),
        (3, 299.0, EvidenceStatus.HOLDS),  # 150 s apart
        (3, 301.0, EvidenceStatus.NO_DATA),
    ],
)
async def test_samples_of_three_intervals_count(eyes: Eyes, *, count: float, age: float, status: str) -> None:
    eyes.source.count, eyes.source.age = count, age

    assert (await eyes.check()).status is status


async def test_what_the_settings_say_counts_whatever_is_known(clock: ManualClock) -> None:
    eyes = eyes_with(clock, ProbeOptions(max_age=timedelta(seconds=200)))
    eyes.source.count, eyes.source.age = 301, 199.0

    assert (await eyes.check()).status is EvidenceStatus.HOLDS


async def test_a_question_that_failed_is_asked_without_it_next_time(eyes: Eyes) -> None:
    eyes.source.failure = UnreachableError("too many samples")
    assert (await eyes.check()).status is EvidenceStatus.ERROR

    eyes.source.failure = None
    assert ((await eyes.check()).status, (await eyes.check()).spacing) == (EvidenceStatus.HOLDS, None)
    assert eyes.source.counted == [True, False, False]


async def test_what_was_known_holds_while_asking_anew_fails(eyes: Eyes) -> None:
    await eyes.check()
    eyes.clock.move(601)
    eyes.source.count = None

    assert (await eyes.check()).spacing == FOUR_INTERVALS


async def test_of_many_queries_the_first_are_forgotten(eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacing, "_MOST_REMEMBERED", 2)
    for query in ("a", "b", "c", "c", "a"):
        await eyes.check(query)

    assert eyes.source.counted == [True, True, True, False, True]


async def test_a_series_that_has_just_begun_is_asked_of_again_until_it_is_known(eyes: Eyes) -> None:
    eyes.source.count = 1
    assert [(await eyes.check()).spacing for _ in range(2)] == [None] * 2

    eyes.source.count = 5
    assert [(await eyes.check()).spacing for _ in range(2)] == [FOUR_INTERVALS] * 2
    assert eyes.source.counted == [True, True, True, False]


@pytest.mark.parametrize(("age", "status"), [(45.0, EvidenceStatus.HOLDS), (200.0, EvidenceStatus.NO_DATA)])
async def test_samples_that_seem_too_old_are_asked_anew_how_far_apart_they_are(
    eyes: Eyes, *, age: float, status: EvidenceStatus
) -> None:
    """The scrape interval became longer: 5 s, and 60 s since a reload."""
    eyes.source.count = 61
    await eyes.check()
    eyes.source.count, eyes.source.age = 6, age
    eyes.clock.move(310)

    seen = await eyes.check()

    assert (seen.status, seen.spacing) == (status, timedelta(seconds=60))
    assert eyes.source.counted == [True, False, True]


async def test_while_samples_stay_too_old_each_look_is_one_question(eyes: Eyes) -> None:
    await eyes.check()
    eyes.source.count, eyes.source.age = None, 299.0

    assert [(await eyes.check()).status for _ in range(3)] == [EvidenceStatus.NO_DATA] * 3
    assert eyes.source.counted == [True, False, True, True, True]


def test_of_every_selector_the_series_that_were_there_before_are_measured() -> None:
    asked = "".join(read_expression('rate(errors{job="crm"}[1m]) / up > 0').spaced.split())

    for number, selector in enumerate(('errors{job="crm"}', "up")):
        span = f"(timestamp({selector})-timestamp({selector}offset2m))"
        assert f'max({span}/count_over_time({selector}[2m])),"aether_part","spacing-{number}"' in asked
