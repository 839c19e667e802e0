"""Who ended a container, after a real daemon has forgotten it: what was heard of its events tells.

The noise is what health checks make: commands that run in another container, three events each.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.docker_events import DockerEvents
from aetherlink.executors.docker import OpenedDocker, opened_docker
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import OutcomeStatus
from aetherlink.model.ids import TargetName
from rigs.containers import Container, docker
from rigs.docker_hands import CRM, DEADLINE, GRACE, SOCKET, hands_on, restarted, service
from rigs.docker_stack import IGNORES, Stack, Witness, healthy
from rigs.patience import eventually
from rigs.section_proxy import section_proxy
from rigs.socket_proxy import running_proxy

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_COMMANDS = 90  # of three events each, more than the 256 that the daemon remembers


def make_it_forget(stack: Stack) -> None:
    """Commands in another container, which ends nothing."""
    other = stack.alone()
    for _ in range(_COMMANDS):
        docker("exec", "--detach", other.id, "python3", "-c", "")


@asynccontextmanager
async def listening(place: DockerPlace, host: str) -> AsyncIterator[OpenedDocker]:
    """The executor, which hears what happens, as the agent has it."""
    says: list[bool] = []
    opened = opened_docker(host, GRACE, {CRM.name: place})
    following = opened.following(says.append)
    following.start()
    await eventually(lambda: True in says, seconds=30)
    yield opened
    await following.stop()
    await opened.aclose()


async def forgotten(one: Container, host: str = SOCKET) -> None:
    """Until the daemon itself does not know how it ended."""
    client = DockerDaemon(host)
    found = await client.container("test", one.id, deadline=DEADLINE)
    assert await client.happened("test", found, deadline=DEADLINE) == []
    await client.aclose()


@contextmanager
def straight(_: Path, __: Stack) -> Iterator[str]:
    yield SOCKET


@contextmanager
def proxied(folder: Path, stack: Stack) -> Iterator[str]:
    with running_proxy(folder, workloads=[stack.project]) as proxy:
        yield f"unix://{proxy.socket}"


@pytest.mark.parametrize("way", [straight, proxied])
async def test_a_kill_is_told_from_a_stop_after_docker_has_forgotten_both(stack: Stack, tmp_path: Path, way) -> None:
    killed = healthy(stack.replica(1, "--no-healthcheck", program=IGNORES, is_checked=False))
