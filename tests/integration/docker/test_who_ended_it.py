"""Who ended a container, after a real daemon has forgotten it: what was heard of its events tells.

The noise is what health checks make: commands for another container, of which the daemon tells.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.docker_events import DockerEvents
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_ends import Ends
from aetherlink.executors.docker_following import Following
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import OutcomeStatus
from aetherlink.ports import Executor
from rigs.containers import Container, docker
from rigs.docker_hands import CRM, DEADLINE, GRACE, SOCKET, hands_on, restarted, service
from rigs.docker_stack import CRASHES, IGNORES, Stack, Witness, healthy
from rigs.patience import eventually
from rigs.section_proxy import section_proxy
from rigs.socket_proxy import docker_socket, running_proxy

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_REMEMBERED = 256  # events, by dockerd
Way = Callable[[Path, Stack], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def straight(_: Path, __: Stack) -> AsyncIterator[str]:
    yield SOCKET


@asynccontextmanager
async def through_the_socket_proxy(folder: Path, stack: Stack) -> AsyncIterator[str]:
    with running_proxy(folder, workloads=[stack.project]) as proxy:
        yield f"unix://{proxy.socket}"


@asynccontextmanager
async def through_sections(_: Path, __: Stack) -> AsyncIterator[str]:
    async with section_proxy(docker_socket()) as sections:
        sections.switch("CONTAINERS", "POST")
        yield f"unix://{sections.socket}"


@asynccontextmanager
async def listening(place: DockerPlace, host: str = SOCKET) -> AsyncIterator[tuple[Executor, Ends]]:
    """The executor, and what it hears of how containers ended."""
    daemon, events, ends, says = DockerDaemon(host), DockerEvents(host), Ends(), list[bool]()
    following = Following(events, ends, says.append)
    following.start()
    await eventually(lambda: True in says, seconds=30)
    yield DockerExecutor(daemon, {CRM.name: place}, grace=GRACE, ends=ends), ends
    await following.stop()
    await events.aclose()
    await daemon.aclose()


async def known(ends: Ends, *ended: Container) -> None:
    """Until it was heard that they ended, and asked what followed."""
    heard: set[str] = set()

    def is_settled() -> bool:
        heard.update(ends.open)
        return {one.id for one in ended} <= heard and not ends.open.keys() & heard

    await eventually(is_settled, seconds=60)


async def make_it_forget(stack: Stack, *ended: Container) -> None:
    """Until the daemon itself does not know how they ended."""
    other = stack.alone("--no-healthcheck")
    asked = {"Cmd": ["python3"]}
    way = httpx.AsyncHTTPTransport(uds=str(docker_socket()))
    async with httpx.AsyncClient(transport=way, base_url="http://docker") as client:
        for _ in range(_REMEMBERED + 1):
            (await client.post(f"/containers/{other.id}/exec", json=asked)).raise_for_status()
    daemon = DockerDaemon(SOCKET)
    for one in ended:
        found = await daemon.container("test", one.id, deadline=DEADLINE)
        assert await daemon.happened("test", found, deadline=DEADLINE) == []
    await daemon.aclose()


def two(stack: Stack) -> tuple[Container, Container]:
    """Replicas that end with 137 however they are ended."""
    made = [stack.replica(number, program=IGNORES) for number in (1, 2)]
    first, second = map(healthy, made)
    return first, second


@pytest.mark.parametrize("way", [straight, through_the_socket_proxy, through_sections])
async def test_a_kill_is_told_from_a_stop_after_docker_has_forgotten_both(
    stack: Stack, tmp_path: Path, way: Way
) -> None:
    killed, stopped = two(stack)
    async with way(tmp_path, stack) as host, listening(service(stack), host) as (executor, ends):
        docker("kill", killed.id)
        docker("stop", "--time", "0", stopped.id)
        await known(ends, killed)
        await make_it_forget(stack, killed, stopped)
        witness = Witness()
        async with hands_on(service(stack), host) as deaf:
            guessed = await deaf.observe(CRM, deadline=DEADLINE)
        seen = await executor.observe(CRM, deadline=DEADLINE)
        outcome = await restarted(executor)

    assert (killed.state["Running"], stopped.state["ExitCode"]) == (True, 137)
    assert (guessed.wanted, seen.wanted, seen.ready) == (0, 1, 0)
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert (witness.actions(killed.id), witness.actions(stopped.id)) == (["start"], [])


async def test_what_happened_while_nobody_listened_is_asked_for_and_else_counts_as_stopped(stack: Stack) -> None:
    killed, early = two(stack)
    docker("kill", early.id)
    await make_it_forget(stack, early)
    docker("kill", killed.id)
    async with listening(service(stack)) as (executor, ends):
        await known(ends, killed)
        await make_it_forget(stack, killed)
        seen = await executor.observe(CRM, deadline=DEADLINE)

    assert (seen.wanted, seen.ready) == (1, 0)


async def test_where_no_events_are_let_through_it_counts_as_stopped_and_that_is_said_once(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    one = healthy(stack.replica(1, program=IGNORES))
    async with section_proxy(docker_socket()) as sections:
        sections.switch("CONTAINERS", "POST", off=("EVENTS",))
        host = f"unix://{sections.socket}"
        events = DockerEvents(host)
        following = Following(events, Ends(), lambda _: None)
        following.start()
        docker("kill", one.id)
        async with hands_on(service(stack), host) as executor:
            seen = await executor.observe(CRM, deadline=DEADLINE)
            await eventually(lambda: "they are not let through: the answer is 403" in caplog.text)
        await following.stop()
        await events.aclose()

    assert seen.wanted == 0
    assert len([line for line in sections.refused if "/events" in line and "until" not in line]) == 1


def is_waiting(one: Container) -> bool:
    """For Docker's next start of it, longer than the second within which the executor asks what followed an end."""
    state = one.state
    waited = datetime.now(UTC) - datetime.fromisoformat(state["FinishedAt"])
    return state["Status"] == "restarting" and waited > timedelta(seconds=1.5)


async def test_what_a_person_stops_between_two_starts_of_a_crash_loop_is_left_alone(stack: Stack) -> None:
    """The daemon tells of the stop seconds after the last end."""
    one = stack.replica(1, "--restart", "always", program=CRASHES)
    async with hands_on(service(stack)) as executor:
        await eventually(lambda: is_waiting(one), seconds=60)
        docker("stop", one.id)
        witness = Witness()
        seen = await executor.observe(CRM, deadline=DEADLINE)
        outcome = await restarted(executor)

    assert one.state["Status"] == "exited"
    assert seen.wanted == 0
    assert "nothing was sent: somebody has stopped it" in outcome.reason
    assert witness.actions(one.id) == []
