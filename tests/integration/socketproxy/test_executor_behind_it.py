"""The executor `docker` behind the proxy: all that it asks is let through, and it hears all that it needs.

The daemon is the thin fake: tests/images/ has the two together before the real one.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aetherlink.clients.docker import DockerDaemon
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import OutcomeStatus, Replicas, StartedAfter, Target
from aetherlink.model.ids import TargetName
from rigs.docker_server import DockerServer, FakeContainer, docker_server
from rigs.socket_proxy import Proxy, running_proxy

CRM = Target(TargetName("crm-api"), executor="docker", service="crm", minimum=1, maximum=4)
DEADLINE = timedelta(seconds=20)


@pytest.fixture
async def daemon() -> AsyncIterator[DockerServer]:
    """With one replica, which runs, and one that was stopped."""
    async with docker_server() as made:
        yield made


@pytest.fixture
async def proxy(daemon: DockerServer, tmp_path: Path) -> AsyncIterator[Proxy]:
    options = {"daemon": str(daemon.socket), "workloads": ["peakpro/crm"]}
    stack = running_proxy(tmp_path, **options)
    process = await asyncio.to_thread(stack.__enter__)
    yield process
    await asyncio.to_thread(stack.__exit__, None, None, None)


@pytest.fixture
async def executor(proxy: Proxy) -> AsyncIterator[DockerExecutor]:
    client = DockerDaemon(f"unix://{proxy.socket}")
    place = DockerPlace(project="peakpro", service="crm")
    yield DockerExecutor(client, {CRM.name: place}, grace=timedelta(seconds=1))
    await client.aclose()


@pytest.fixture
def running(daemon: DockerServer) -> FakeContainer:
    return daemon.containers[0]


async def test_what_was_killed_is_started_for_its_events_are_heard(executor, daemon, proxy, running) -> None:
    running.end(137, "kill", "die")

    outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert daemon.changes == [("start", running.name)]
    assert "refused" not in proxy.log


async def test_what_somebody_stopped_is_left_alone(executor, daemon, running) -> None:
    running.end(143, "die", "stop")

    outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert "somebody has stopped it" in outcome.reason
    assert daemon.changes == []


async def test_it_restarts_and_scales_up_and_down(executor, daemon, proxy) -> None:
    wishes = (StartedAfter(datetime.now(UTC)), Replicas(2), Replicas(1))

    outcomes = [await executor.converge(CRM, wish, deadline=DEADLINE) for wish in wishes]

    assert [one.status for one in outcomes] == [OutcomeStatus.DONE] * 3, outcomes
    first, second = (container.name for container in daemon.containers)
    assert daemon.changes == [("restart", first), ("start", second), ("stop", second)]
    assert "refused" not in proxy.log
