"""T02 on a real Docker daemon: wherever around its call the agent is killed, no container is started twice.

The witness is the daemon: its event stream, read through Docker's command line, and StartedAt. Between the agent and
the daemon is a socket that kills the agent while its call is on its way.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from rigs.bad_docker import BadDocker, Spoil, bad_docker
from rigs.base_image import write_base_image
from rigs.containers import Container, Containers, docker, imported
from rigs.crashes import ACTS_AND_OUTCOME, Found, agent, come_back, crash_often, ended
from rigs.crashing_agent import Hands, Point, docker_hands
from rigs.docker_record import Record, recorded
from rigs.docker_stack import Stack, started_at

pytestmark = pytest.mark.docker

SOCKET = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
DEADLINE = timedelta(seconds=8)
BREAKS = """
import os, signal
signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True: signal.pause()
"""
AROUND_THE_CALL = (Point.AFTER_INTENT, Point.CALL_LOST, Point.CALL_CARRIED_OUT, Point.BEFORE_REPLY)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    archive = tmp_path_factory.mktemp("t02-docker") / "base.tar"
    write_base_image(archive)
    with imported(archive) as image, Containers.open() as made:
        archive.unlink()
        yield Stack(image, made)


@pytest.fixture(scope="module")
def crm(stack: Stack) -> Container:
    """The only replica: a fault ends it with 7, so that it stays ended and nobody can think that it was stopped."""
    return stack.replica(1, program=BREAKS)


@pytest.fixture(scope="module")
def record(crm: Container) -> Iterator[Record]:
    with recorded(crm) as made:
        yield made


def break_down(crm: Container) -> None:
    """It may have to be told again: before its program listens, a signal does nothing to the first process."""
    if not crm.state["Running"]:
        docker("start", crm.id)
    ends = time.monotonic() + 60
    while crm.state["Running"]:
        assert time.monotonic() < ends
        with suppress(AssertionError):  # it may have ended a moment ago
            docker("kill", "--signal", "USR1", crm.id)
        time.sleep(0.4)
    assert crm.state["ExitCode"] == 7


def arm(socket: BadDocker, point: Point, process: BaseProcess) -> None:
    """During the call it is the socket that kills the agent."""

    def kill() -> None:
        socket.before = socket.after = lambda: None
        process.kill()
        socket.spoil = Spoil.HANG if point is Point.CALL_LOST else None

    if point in (Point.CALL_LOST, Point.CALL_CARRIED_OUT):
        socket.before = kill
    if point is Point.BEFORE_REPLY:
        socket.after = kill


async def crashed(folder: Path, stack: Stack, *points: Point) -> tuple[Found, list[str]]:
    """What an agent finds after those before it were killed there, and the changes that were asked of the daemon."""
    async with bad_docker(SOCKET) as socket:
        hands = Hands(partial(docker_hands, socket.socket, stack.project), DEADLINE)
        for point in points:
            process = agent(folder, hands, point)
            arm(socket, point, process)
            assert await ended(process) == -signal.SIGKILL
        socket.spoil = None
        return await come_back(folder, hands), socket.changes


async def nothing_happens_twice(folder: Path, stack: Stack, record: Record, *points: Point) -> None:
    await asyncio.to_thread(break_down, record.container)
    before, ended_with = await asyncio.to_thread(record.length), started_at(record.container)

    found, changes = await crashed(folder, stack, *points)

    starts, outcome = ACTS_AND_OUTCOME[points[0]]
    told = await asyncio.to_thread(record.since, before)
    assert found == Found(["finished"], [outcome], escalations=1 if outcome == "unknown" else 0, started=1)
    assert [action for action in told if action != "die"] == ["start"] * starts  # how it broke may be told late
    assert (started_at(record.container) != ended_with) is bool(starts)
    assert len(changes) <= 1


@pytest.mark.parametrize("point", AROUND_THE_CALL, ids=[point.name for point in AROUND_THE_CALL])
async def test_t02_an_agent_killed_around_its_call_starts_nothing_twice(
    tmp_path: Path, stack: Stack, record: Record, point: Point
) -> None:
    await nothing_happens_twice(tmp_path, stack, record, point)


async def test_t02_what_never_arrived_at_a_container_that_is_well_is_decided_anew(
    tmp_path: Path, stack: Stack, record: Record
) -> None:
    docker("start", record.container.id)
    before, since = await asyncio.to_thread(record.length), started_at(record.container)

    found, _ = await crashed(tmp_path, stack, Point.CALL_LOST)

    assert (found.outcomes[0], found.started, found.escalations) == ("not_done", 1, 0)
    assert await asyncio.to_thread(record.since, before) == []
    assert started_at(record.container) == since


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_t02_docker_no_double_execution_in_210_crashes(
    tmp_path: Path, stack: Stack, record: Record, record_property: Callable[[str, object], None]
) -> None:
    async def once(folder: Path, seat: tuple[Stack, Record], points: tuple[Point, ...]) -> None:
        await nothing_happens_twice(folder, *seat, *points)

    with ExitStack() as open_records:
        others = [Stack(stack.image, stack.made) for _ in range(3)]
        records = [open_records.enter_context(recorded(one.replica(1, program=BREAKS))) for one in others]
        seats = [(stack, record), *zip(others, records, strict=True)]
        said = await crash_often(seats, once, tmp_path)
    record_property("figure", f"{said}, 0 starts too many")
