"""T16: a service that hangs, drips, lies or never ends holds up no call, and is sent no request a second time.

The witness is the service itself: it writes down every request that arrived.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aetherlink.clients.http_target import MOST_READ, HttpTarget
from aetherlink.errors import AnswerError, UnreachableError
from aetherlink.executors.http import HttpExecutor
from aetherlink.model.actions import Outcome, OutcomeStatus, Requested, Target
from aetherlink.model.ids import TargetName
from rigs.http_service import HttpService, Spoil, http_service

NAME = TargetName("crm-cache")
DEADLINE = timedelta(seconds=1)
MARGIN = timedelta(seconds=5)  # for a machine that is busy with other tests
FEW = 8 * 1024 * 1024  # bytes; far less than a service without end sends within the deadline

EXPECTED = {
    Spoil.HANG: OutcomeStatus.UNKNOWN,
    Spoil.DRIP: OutcomeStatus.UNKNOWN,
    Spoil.DRIPPING_BODY: OutcomeStatus.UNKNOWN,
    Spoil.HUGE: OutcomeStatus.DONE,
    Spoil.SHORT: OutcomeStatus.UNKNOWN,
    Spoil.RESET: OutcomeStatus.UNKNOWN,
    Spoil.NO_HTTP: OutcomeStatus.UNKNOWN,
    Spoil.LONG_HEAD: OutcomeStatus.UNKNOWN,
    Spoil.PACKED: OutcomeStatus.DONE,
}
SEEN_ALL_THE_SAME = (Spoil.HUGE, Spoil.PACKED)


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with http_service() as made:
        yield made


@pytest.fixture
async def executor(service: HttpService) -> AsyncIterator[HttpExecutor]:
    client = HttpTarget(NAME, service.options)
    yield HttpExecutor({NAME: client})
    await client.aclose()


@pytest.fixture
def target(service: HttpService) -> Target:
    return Target(NAME, executor="http", service="cache", requests=service.options.declared)


async def sent(executor: HttpExecutor, target: Target) -> Outcome:
    """What came of it, if it came in time."""
    async with asyncio.timeout((DEADLINE + MARGIN).total_seconds()):
        return await executor.converge(target, Requested("purge", "act-1"), deadline=DEADLINE)


@pytest.mark.parametrize("spoil", Spoil)
async def test_t16_whatever_becomes_of_the_answer_the_call_ends_in_time_and_is_sent_once(
    service: HttpService, executor: HttpExecutor, target: Target, spoil: Spoil
) -> None:
    service.spoil = spoil

    outcome = await sent(executor, target)

    assert outcome.status is EXPECTED[spoil], outcome
    assert len(service.asked) == 1


@pytest.mark.parametrize("spoil", [spoil for spoil in Spoil if spoil not in SEEN_ALL_THE_SAME])
async def test_t16_where_looking_is_spoilt_nothing_is_seen(
    service: HttpService, executor: HttpExecutor, target: Target, spoil: Spoil
) -> None:
    service.spoil, service.looks_too = spoil, True

    with pytest.raises((UnreachableError, AnswerError)):
        async with asyncio.timeout((DEADLINE + MARGIN).total_seconds()):
            await executor.observe(target, deadline=DEADLINE)


@pytest.mark.parametrize("spoil", [Spoil.HUGE, Spoil.LONG_HEAD])
async def test_t16_an_answer_without_end_takes_little_memory(
    service: HttpService, executor: HttpExecutor, target: Target, spoil: Spoil
) -> None:
    service.spoil = spoil
    tracemalloc.start()
    try:
        await sent(executor, target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert MOST_READ < FEW
    assert peak < FEW


async def test_t16_a_service_that_hangs_keeps_no_other_waiting(
    service: HttpService, executor: HttpExecutor, target: Target
) -> None:
    service.spoil = Spoil.HANG
    async with http_service() as other:
        client = HttpTarget(TargetName("other"), other.options)
        executor = HttpExecutor({NAME: HttpTarget(NAME, service.options), TargetName("other"): client})
        hanging = [asyncio.ensure_future(sent(executor, target)) for _ in range(20)]
        well = Target(TargetName("other"), executor="http", service="other", requests=other.options.declared)

        outcome = await sent(executor, well)
        ended = await asyncio.gather(*hanging)
        await client.aclose()

    assert outcome.status is OutcomeStatus.DONE
    assert {one.status for one in ended} == {OutcomeStatus.UNKNOWN}
