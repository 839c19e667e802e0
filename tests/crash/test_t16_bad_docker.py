"""T16: a Docker daemon that hangs, is slow or lies: every call ends in time, nothing is repeated, the others go on.

The socket between (rigs.bad_docker) and the daemon behind it write down every request that reached them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import active_count

import pytest

from aetherlink.clients.docker import DockerDaemon
from aetherlink.errors import AnswerError, NotFoundError, UnreachableError
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Outcome, OutcomeStatus, Replicas, StartedAfter, Target
from aetherlink.model.ids import TargetName
from rigs.bad_docker import BadDocker, Spoil, bad_docker
from rigs.docker_server import DockerServer, compose_labels, docker_server
from rigs.loop_lag import watched_loop
from rigs.patience import eventually

CRM = Target(TargetName("crm-api"), executor="docker", service="crm", minimum=1, maximum=4)
SHOP = Target(TargetName("shop"), executor="docker", service="shop", minimum=1, maximum=4)
PLACES = {
    "crm-api": DockerPlace(project="peakpro", service="crm"),
    "shop": DockerPlace(project="peakpro", service="shop"),
}
DEADLINE = timedelta(seconds=4)
HASTE = timedelta(seconds=1)
MARGIN = timedelta(seconds=3)  # for a machine that is busy with other tests
LONG = timedelta(minutes=10)
FAR_MORE_THAN_THREADS = 80
AT_A_TIME = 4


@pytest.fixture
async def daemon() -> AsyncIterator[DockerServer]:
    async with docker_server() as made:
        made.add("peakpro-shop-1", compose_labels("shop", 1))
        yield made


@pytest.fixture
async def socket(daemon: DockerServer) -> AsyncIterator[BadDocker]:
    async with bad_docker(daemon.socket) as made:
        yield made


@asynccontextmanager
async def hands_on(socket: BadDocker) -> AsyncIterator[DockerExecutor]:
    client = DockerDaemon(f"unix://{socket.socket}")
    yield DockerExecutor(client, PLACES, grace=timedelta(seconds=1))
    await client.aclose()


@pytest.fixture
async def executor(socket: BadDocker) -> AsyncIterator[DockerExecutor]:
    async with hands_on(socket) as made:
        yield made


async def restarted(executor: DockerExecutor, target: Target = CRM, deadline: timedelta = DEADLINE) -> Outcome:
    """What came of it, if it came in time."""
    async with asyncio.timeout((deadline + MARGIN).total_seconds()):
        return await executor.converge(target, StartedAfter(datetime.now(UTC)), deadline=deadline)


CARRIED_OUT = (OutcomeStatus.DONE, 1)
EXPECTED = dict.fromkeys(Spoil, CARRIED_OUT) | {
    Spoil.HANG: (OutcomeStatus.UNKNOWN, 0),
    Spoil.DOWNGRADE: (OutcomeStatus.FAILED, 0),
    Spoil.LIE: (OutcomeStatus.FAILED, 0),
}


@pytest.mark.parametrize("spoil", Spoil)
async def test_t16_whatever_becomes_of_the_answer_the_call_ends_in_time_and_acts_once(
    daemon: DockerServer, socket: BadDocker, executor: DockerExecutor, spoil: Spoil
) -> None:
    socket.spoil = spoil

    outcome = await restarted(executor)

    assert (outcome.status, len(daemon.changes)) == EXPECTED[spoil], outcome
    assert len(socket.changes) == 1


@pytest.mark.parametrize("spoil", Spoil)
async def test_t16_where_looking_is_spoilt_too_nothing_is_sent(
    daemon: DockerServer, socket: BadDocker, executor: DockerExecutor, spoil: Spoil
) -> None:
    socket.spoil, socket.looks_too = spoil, True

    outcome = await restarted(executor, deadline=HASTE)
    with pytest.raises((UnreachableError, NotFoundError, AnswerError)):
        async with asyncio.timeout((HASTE + MARGIN).total_seconds()):
            await executor.observe(CRM, deadline=HASTE)

    assert (outcome.status, daemon.changes, socket.changes) == (OutcomeStatus.FAILED, [], [])


@pytest.mark.parametrize("spoil", [Spoil.REPLY_LOST, Spoil.NOT_FOUND_404, Spoil.ERROR_500, Spoil.HANG_AFTER])
async def test_t16_where_looking_fails_after_the_call_the_outcome_is_unknown_and_nothing_is_repeated(
    daemon: DockerServer, socket: BadDocker, executor: DockerExecutor, spoil: Spoil
) -> None:
    socket.spoil, socket.then = spoil, True

    outcome = await restarted(executor)

    assert (outcome.status, len(daemon.changes)) == (OutcomeStatus.UNKNOWN, 1), outcome


async def test_t16_a_container_that_hangs_does_not_keep_the_others_waiting(
    daemon: DockerServer, socket: BadDocker, executor: DockerExecutor
) -> None:
    stuck = daemon.containers[0].id
    socket.spoil, socket.looks_too, socket.only = Spoil.HANG, True, lambda line: stuck in line
    hanging = [asyncio.ensure_future(executor.observe(CRM, deadline=LONG)) for _ in range(FAR_MORE_THAN_THREADS)]
    await eventually(lambda: socket.hanging > 0, seconds=30)

    outcome = await restarted(executor, SHOP, deadline=timedelta(seconds=20))

    assert outcome.status is OutcomeStatus.DONE
    assert not any(each.done() for each in hanging)
    assert daemon.changes == [("restart", "peakpro-shop-1")]
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_t16_a_daemon_that_is_there_again_in_an_older_version_is_used_again(
    daemon: DockerServer, socket: BadDocker, executor: DockerExecutor
) -> None:
    await executor.observe(CRM, deadline=DEADLINE)
    daemon.api_version = "1.30"
    with pytest.raises(AnswerError):
        await executor.observe(CRM, deadline=DEADLINE)

    outcome = await executor.converge(CRM, Replicas(2), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.DONE
    assert "/v1.30/" in socket.changes[0]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def hang(executor: DockerExecutor, *, calls: int) -> Sequence[Outcome]:
    room = asyncio.Semaphore(AT_A_TIME)

    async def one() -> Outcome:
        async with room:
            return await restarted(executor, deadline=timedelta(milliseconds=1600))

    return await asyncio.gather(*(one() for _ in range(calls)))


async def nothing_leaks(socket: BadDocker, *, calls: int) -> None:
    """No file, no task and no thread is kept for a call that hung."""
    files, tasks, threads = open_files(), len(asyncio.all_tasks()), active_count()
    async with hands_on(socket) as executor:
        socket.spoil = Spoil.HANG

        outcomes = await hang(executor, calls=calls)

        assert {outcome.status for outcome in outcomes} <= {OutcomeStatus.UNKNOWN, OutcomeStatus.FAILED}
        assert OutcomeStatus.UNKNOWN in {outcome.status for outcome in outcomes}
        await eventually(lambda: open_files() <= files)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    await eventually(lambda: active_count() <= threads)


async def test_t16_calls_that_hang_leave_nothing_behind(daemon: DockerServer, socket: BadDocker) -> None:
    await nothing_leaks(socket, calls=12)

    assert daemon.changes == []


@pytest.mark.long
async def test_t16_200_calls_that_hang_leave_nothing_behind(
    daemon: DockerServer, socket: BadDocker, record_property: Callable[[str, object], None]
) -> None:
    async with watched_loop() as lag:
        await nothing_leaks(socket, calls=200)

    assert daemon.changes == []
    record_property("figure", str(lag))
