"""T16: a control socket that hangs, drips, lies or dies ends no call late, repeats no act and holds up no other target.

The witness is the thin lab behind the bad socket: it writes down every change that reached it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.lab_control import LabControl
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.errors import AnswerError, NotFoundError, UnreachableError
from aetherlink.executors.lab import LabExecutor
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Outcome, OutcomeStatus, Replicas, StartedAfter, Target
from aetherlink.model.decisions import EvidenceStatus
from aetherlink.model.ids import SourceName, TargetName
from aetherlink.probes.metrics import ProbeMetrics
from aetherlink.probes.options import ProbeOptions
from aetherlink.probes.prometheus import PrometheusProbe
from rigs.bad_socket import BadSocket, Spoil, bad_socket
from rigs.loop_lag import watched_loop
from rigs.lying_prometheus import LyingPrometheus, lying_prometheus
from rigs.patience import eventually

CRM = Target(TargetName("crm-api"), executor="lab", service="crm", minimum=1, maximum=4)
SHOP = Target(TargetName("shop"), executor="lab", service="shop", minimum=1, maximum=4)
DEADLINE = timedelta(seconds=4)
HASTE = timedelta(seconds=1)
MARGIN = timedelta(seconds=3)  # for a machine that is busy with other tests
LONG = timedelta(minutes=10)
HANGING = timedelta(seconds=10)
MORE_THAN_BUDGETS_ALLOW = 20
LAB = SourceName("lab")
Record = Callable[[str, object], None]
FAR_MORE_THAN_WORKERS = 80
AT_A_TIME = 4
ENDS = 2  # of a connection: ours, and that of the socket, which is in this process too


@pytest.fixture
async def socket() -> AsyncIterator[BadSocket]:
    async with bad_socket() as made:
        yield made


@pytest.fixture
async def executor(socket: BadSocket) -> AsyncIterator[LabExecutor]:
    control = LabControl(socket.socket)
    yield LabExecutor(control)
    await control.aclose()


async def restarted(executor: LabExecutor, target: Target = CRM, deadline: timedelta = DEADLINE) -> Outcome:
    """What came of it, if it came in time."""
    async with asyncio.timeout((deadline + MARGIN).total_seconds()):
        return await executor.converge(target, StartedAfter(datetime.now(UTC)), deadline=deadline)


EXPECTED = {
    Spoil.HANG: (OutcomeStatus.UNKNOWN, 0),
    Spoil.HANG_AFTER: (OutcomeStatus.DONE, 1),
    Spoil.DRIP: (OutcomeStatus.DONE, 1),
    Spoil.REPLY_LOST: (OutcomeStatus.DONE, 1),
    Spoil.ERROR_500: (OutcomeStatus.DONE, 1),
    Spoil.CONFLICT_409: (OutcomeStatus.DONE, 1),
    Spoil.NOT_FOUND_404: (OutcomeStatus.DONE, 1),
    Spoil.TRUNCATED: (OutcomeStatus.DONE, 1),
    Spoil.OTHER_VERSION: (OutcomeStatus.DONE, 1),
    Spoil.KILLED: (OutcomeStatus.UNKNOWN, 0),
}


@pytest.mark.parametrize("spoil", Spoil)
async def test_t16_whatever_becomes_of_the_answer_the_call_ends_in_time_and_acts_once(
    socket: BadSocket, executor: LabExecutor, spoil: Spoil
) -> None:
    socket.spoil = spoil

    outcome = await restarted(executor)

    assert (outcome.status, len(socket.labs["crm"].changes)) == EXPECTED[spoil], outcome


@pytest.mark.parametrize("spoil", Spoil)
async def test_t16_where_looking_is_spoilt_too_nothing_is_sent(
    socket: BadSocket, executor: LabExecutor, spoil: Spoil
) -> None:
    socket.spoil, socket.looks_too = spoil, True

    outcome = await restarted(executor, deadline=HASTE)
    with pytest.raises((UnreachableError, NotFoundError, AnswerError)):
        async with asyncio.timeout((HASTE + MARGIN).total_seconds()):
            await executor.observe(CRM, deadline=HASTE)

    assert (outcome.status, socket.labs["crm"].changes) == (OutcomeStatus.FAILED, [])


@pytest.mark.parametrize("spoil", [Spoil.REPLY_LOST, Spoil.NOT_FOUND_404, Spoil.TRUNCATED, Spoil.HANG_AFTER])
async def test_t16_where_looking_fails_after_the_call_the_outcome_is_unknown_and_nothing_is_repeated(
    socket: BadSocket, executor: LabExecutor, spoil: Spoil
) -> None:
    socket.spoil, socket.then = spoil, True

    outcome = await restarted(executor)

    assert (outcome.status, len(socket.labs["crm"].changes)) == (OutcomeStatus.UNKNOWN, 1), outcome


async def test_t16_a_service_that_hangs_does_not_keep_the_others_waiting(
    socket: BadSocket, executor: LabExecutor
) -> None:
    socket.spoil = Spoil.HANG
    hanging = [asyncio.ensure_future(restarted(executor, deadline=LONG)) for _ in range(FAR_MORE_THAN_WORKERS)]
    await eventually(lambda: socket.hanging == FAR_MORE_THAN_WORKERS, seconds=30)

    outcome = await restarted(executor, SHOP, deadline=timedelta(seconds=20))

    assert outcome.status is OutcomeStatus.DONE
    assert not any(each.done() for each in hanging)
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    assert (len(socket.labs["shop"].changes), socket.labs["crm"].changes) == (1, [])


async def test_t16_a_lab_that_was_killed_is_used_again_once_it_is_there(
    socket: BadSocket, executor: LabExecutor
) -> None:
    socket.spoil = Spoil.KILLED
    assert (await restarted(executor)).status is OutcomeStatus.UNKNOWN
    socket.spoil = None

    outcome = await executor.converge(CRM, Replicas(2), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.DONE


@asynccontextmanager
async def eyes_on(prometheus: LyingPrometheus) -> AsyncIterator[PrometheusProbe]:
    client = PrometheusClient(prometheus.url, ClientOptions(deadline=HANGING))
    metrics = ProbeMetrics(CollectorRegistry())
    yield PrometheusProbe({LAB: client}, ProbeOptions(), clock=SystemClock(), metrics=metrics)
    await client.aclose()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def hang(executor: LabExecutor, *, calls: int, at_a_time: int) -> Sequence[Outcome]:
    room = asyncio.Semaphore(at_a_time)

    async def one() -> Outcome:
        async with room:
            return await restarted(executor, deadline=timedelta(milliseconds=400))

    return await asyncio.gather(*(one() for _ in range(calls)))


async def nothing_leaks(socket: BadSocket, *, calls: int) -> None:
    """What is kept open for the next call is bounded, whatever their number; afterwards nothing is left."""
    files, tasks = open_files(), len(asyncio.all_tasks())
    executor = LabExecutor(control := LabControl(socket.socket))
    socket.spoil = Spoil.HANG

    outcomes = await hang(executor, calls=calls, at_a_time=AT_A_TIME)

    assert {outcome.status for outcome in outcomes} <= {OutcomeStatus.UNKNOWN, OutcomeStatus.FAILED}
    assert OutcomeStatus.UNKNOWN in {outcome.status for outcome in outcomes}
    await eventually(lambda: open_files() <= files + ENDS * AT_A_TIME)
    await control.aclose()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    await eventually(lambda: open_files() <= files)
    assert socket.labs["crm"].changes == []


async def test_t16_calls_that_hang_leave_nothing_behind(socket: BadSocket) -> None:
    await nothing_leaks(socket, calls=20)


@pytest.mark.long
async def test_t16_200_calls_that_hang_leave_nothing_behind(socket: BadSocket, record_property: Record) -> None:
    async with watched_loop() as lag:
        await nothing_leaks(socket, calls=200)

    record_property("figure", str(lag))


@pytest.mark.long
async def test_t16_the_loop_goes_on_while_hands_and_eyes_hang(
    socket: BadSocket, executor: LabExecutor, record_property: Record
) -> None:
    """The lag is what this machine has at the moment, with the bad socket and the Prometheus in the same process."""
    socket.spoil = Spoil.HANG
    async with lying_prometheus(lambda: datetime.now(UTC).timestamp()) as prometheus, eyes_on(prometheus) as probe:
        prometheus.when = "hang"
        async with watched_loop() as lag:
            hands = [restarted(executor, deadline=HANGING) for _ in range(MORE_THAN_BUDGETS_ALLOW)]
            asked = [probe.check(LAB, "up == 0") for _ in range(MORE_THAN_BUDGETS_ALLOW)]
            outcomes, evidence = await asyncio.gather(asyncio.gather(*hands), asyncio.gather(*asked))

    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.UNKNOWN}
    assert {seen.status for seen in evidence} == {EvidenceStatus.ERROR}
    record_property("figure", str(lag))
