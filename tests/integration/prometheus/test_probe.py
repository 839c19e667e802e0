"""The probe on a real Prometheus: what fresh, old, ended, absent and odd samples are evidence of."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.lib.clock import SystemClock
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import SourceName
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe

LAB = SourceName("lab")
SOON = timedelta(seconds=1)  # several scrapes ahead: none of them can come between an action then and a look now


class ShiftedClock(SystemClock):
    """A machine whose clock is wrong by so much."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def now(self) -> datetime:
        return super().now() + self._shift


@pytest.fixture
async def client(prometheus_url: str, options: ClientOptions) -> AsyncIterator[PrometheusClient]:
    client = PrometheusClient(prometheus_url, options)
    yield client
    await client.aclose()


@pytest.fixture
def probe(client: PrometheusClient) -> PrometheusProbe:
    return make_probe(client)


def make_probe(client: PrometheusClient, *, max_age: int = 5, clock: SystemClock | None = None) -> PrometheusProbe:
    options = ProbeOptions(max_age=timedelta(seconds=max_age))
    return PrometheusProbe(
        {LAB: client}, options, clock=clock or SystemClock(), metrics=ProbeMetrics(CollectorRegistry())
    )


def now() -> datetime:
    return datetime.now(UTC)


async def until(
    probe: PrometheusProbe, query: str, status: EvidenceStatus, *, newer_than: datetime | None = None
) -> Evidence:
    deadline = time.monotonic() + 15
    while (evidence := await probe.check(LAB, query, newer_than=newer_than)).status is not status:
        assert evidence.status is not EvidenceStatus.ERROR, evidence
        assert time.monotonic() < deadline, evidence
        await asyncio.sleep(0.05)
    return evidence


async def test_a_killed_target_is_seen_down_on_samples_after_the_kill(probe: PrometheusProbe, target: Any) -> None:
    killed_at = now()
    target.kill()

    evidence = await until(probe, f'up{{job="{target.job}"}} == 0', EvidenceStatus.HOLDS, newer_than=killed_at)

    assert evidence.sample_at is not None
    assert killed_at < evidence.sample_at <= evidence.checked_at


async def test_a_live_target_is_not_down(probe: PrometheusProbe, target: Any) -> None:
    evidence = await probe.check(LAB, f'up{{job="{target.job}"}} == 0')

    assert evidence.status is EvidenceStatus.DOES_NOT_HOLD


async def test_samples_from_before_the_action_are_no_evidence_until_new_ones_come(
    probe: PrometheusProbe, target: Any
) -> None:
    query = f'up{{job="{target.job}"}} == 1'
    acted_at = now() + SOON

    at_once = await probe.check(LAB, query, newer_than=acted_at)
    later = await until(probe, query, EvidenceStatus.HOLDS, newer_than=acted_at)

    assert at_once.status is EvidenceStatus.NO_DATA
    assert "s older than the action" in at_once.detail
    assert later.sample_at is not None
    assert later.sample_at > acted_at


async def test_a_window_counts_only_once_all_of_it_lies_after_the_action(probe: PrometheusProbe, target: Any) -> None:
    query = f'min_over_time(up{{job="{target.job}"}}[2s]) == 1'
    acted_at = now()

    early = await until(probe, f'up{{job="{target.job}"}} == 1', EvidenceStatus.HOLDS, newer_than=acted_at)
    window = await probe.check(LAB, query, newer_than=acted_at)
    late = await until(probe, query, EvidenceStatus.HOLDS, newer_than=acted_at)

    assert window.status is EvidenceStatus.NO_DATA
    assert "reaches back 2 s" in window.detail
    assert late.checked_at - acted_at >= timedelta(seconds=2)
    assert early.checked_at - acted_at < timedelta(seconds=2)


async def test_a_subquery_is_judged_by_the_sample_that_its_first_step_sees(probe: PrometheusProbe, target: Any) -> None:
    query = f'min_over_time((up{{job="{target.job}"}} == 1)[1s:100ms]) == 1'
    acted_at = now() + SOON

    early = await probe.check(LAB, query, newer_than=acted_at)
    late = await until(probe, query, EvidenceStatus.HOLDS, newer_than=acted_at)

    assert early.status is EvidenceStatus.NO_DATA
    assert late.sample_at is not None
    assert late.sample_at > acted_at


async def test_a_series_that_ended_with_its_target_is_no_data(probe: PrometheusProbe, target: Any) -> None:
    target.text = "queue_length 7\n"
    query = f'queue_length{{job="{target.job}"}} > 5'
    await until(probe, query, EvidenceStatus.HOLDS)

    target.kill()
    evidence = await until(probe, query, EvidenceStatus.NO_DATA)

    assert evidence.detail.startswith("no current sample of queue_length{job=")
    ranged = await probe.check(LAB, f'max_over_time(queue_length{{job="{target.job}"}}[1m]) > 5 and on (job) up')
    assert ranged.status is EvidenceStatus.NO_DATA
    assert "have ended" in ranged.detail


async def test_an_old_sample_that_prometheus_still_shows_is_no_data(client: PrometheusClient, target: Any) -> None:
    """An instant query answers with it as if it were of now."""
    target.text = f"slow_gauge 7 {(time.time_ns() // 1_000_000) - 60_000}\n"
    query = f'slow_gauge{{job="{target.job}"}} == 7'

    evidence = await until(make_probe(client, max_age=300), query, EvidenceStatus.HOLDS)
    strict = await make_probe(client, max_age=30).check(LAB, query)

    assert evidence.sample_at is not None
    assert timedelta(seconds=59) < now() - evidence.sample_at < timedelta(seconds=90)
    assert strict.status is EvidenceStatus.NO_DATA
    assert "s old; at most 30 s count" in strict.detail
    assert (await client.instant(query)).value == 7.0


async def test_prometheus_says_how_far_apart_samples_are(client: PrometheusClient, target: Any) -> None:
    query = f'slow_gauge{{job="{target.job}"}}'
    probe = make_probe(client, max_age=300)
    start = time.time_ns() // 1_000_000 - 130_000
    for number in range(3):
        target.text = f"slow_gauge {number} {start + number * 60_000}\n"
        evidence = await until(probe, f"{query} == {number}", EvidenceStatus.HOLDS)

    assert evidence.spacing == timedelta(seconds=60)


async def test_values_are_judged_as_promql_means_them(probe: PrometheusProbe, target: Any) -> None:
    target.text = 'temperature{room="a \\"b\\""} 20\nbroken NaN\nzero 0\n'
    job = f'job="{target.job}"'
    await until(probe, f"temperature{{{job}}}", EvidenceStatus.HOLDS)

    async def status(query: str) -> EvidenceStatus:
        return (await probe.check(LAB, query)).status

    assert await status(f"temperature{{{job}}} > 19") is EvidenceStatus.HOLDS
    assert await status(f"temperature{{{job}}} > 21") is EvidenceStatus.DOES_NOT_HOLD
    assert await status(f"temperature{{{job}}} > bool 21") is EvidenceStatus.DOES_NOT_HOLD
    assert await status(f"temperature{{{job}}} > bool 19") is EvidenceStatus.HOLDS
    assert await status(f'temperature{{{job}, room="a \\"b\\""}} > 19') is EvidenceStatus.HOLDS
    assert await status(f"zero{{{job}}} == 0") is EvidenceStatus.HOLDS
    assert await status(f"broken{{{job}}}") is EvidenceStatus.NO_DATA
    assert await status(f"sum by (job) (temperature{{{job}}}) / on (job) zero{{{job}}}") is EvidenceStatus.NO_DATA
    assert await status(f"temperature{{{job}}} == 20 # a comment") is EvidenceStatus.HOLDS


async def test_absence_alone_is_no_evidence(probe: PrometheusProbe, target: Any) -> None:
    absent = f'absent(never_there{{job="{target.job}"}})'

    alone = await probe.check(LAB, absent)
    beside_a_live_source = await probe.check(LAB, f'up{{job="{target.job}"}} == 1 and on () {absent}')

    assert alone.status is EvidenceStatus.NO_DATA
    assert beside_a_live_source.status is EvidenceStatus.HOLDS


async def test_what_prometheus_refuses_is_an_error_in_its_words(probe: PrometheusProbe) -> None:
    evidence = await probe.check(LAB, "up * on () up")

    assert evidence.status is EvidenceStatus.ERROR
    assert "many-to-many matching not allowed" in evidence.detail


@pytest.mark.parametrize("seconds", [-30, 30])
async def test_a_wrong_clock_of_ours_does_not_make_old_samples_new(
    client: PrometheusClient, target: Any, seconds: int
) -> None:
    """`newer_than` is on our clock, the samples on the server's: the difference is measured."""
    clock = ShiftedClock(timedelta(seconds=seconds))
    probe = make_probe(client, clock=clock)
    query = f'up{{job="{target.job}"}} == 1'
    acted_at = clock.now() + SOON

    at_once = await probe.check(LAB, query, newer_than=acted_at)
    later = await until(probe, query, EvidenceStatus.HOLDS, newer_than=acted_at)

    assert at_once.status is EvidenceStatus.NO_DATA
    assert later.sample_at is not None
    assert acted_at < later.sample_at <= later.checked_at
    assert "its clock is 30.0 s" in later.detail
