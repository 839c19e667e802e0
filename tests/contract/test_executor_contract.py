"""The executor contract for every registered executor and for the fake; tests/integration/lab runs it on a real lab."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.options import ExecutorOptions, LabExecutorOptions
from aetherlink.executors.registry import BUILTIN, Ground
from aetherlink.model.actions import CPU, DeclaredRequest, Limits, Target, Verb
from aetherlink.model.ids import TargetName
from aetherlink.testing import ManualClock, MemoryExecutor
from rigs.docker_server import NEW, OLD, docker_server
from rigs.executor_contract import LimitsContract, ReleasesContract, ReplicasContract, RequestsContract, World
from rigs.http_service import http_service
from rigs.lab_server import lab_server


def target(executor: str) -> Target:
    purge = DeclaredRequest("purge", "POST", "http://crm:8000/purge", digest="")
    return Target(
        TargetName("crm-api"),
        executor=executor,
        service="crm",
        minimum=1,
        maximum=4,
        requests=(purge,),
        most=Limits(512 * 2**20, 2 * CPU),
    )


@asynccontextmanager
async def memory_world() -> AsyncIterator[World]:
    clock = ManualClock()
    executor = MemoryExecutor(clock, [TargetName("crm-api")])
    yield World(executor, target("memory"), clock.now, arrived=lambda: len(executor.calls))


@asynccontextmanager
async def lab_world() -> AsyncIterator[World]:
    async with lab_server() as server:
        opened = BUILTIN["lab"](ground(ExecutorOptions(lab=LabExecutorOptions(control_socket=server.socket))))
        yield World(opened.executor, target("lab"), lambda: datetime.now(UTC), arrived=lambda: len(server.changes))
        await opened.aclose()


@asynccontextmanager
async def dry_run_world() -> AsyncIterator[World]:
    clock = ManualClock()
    opened = BUILTIN["dry_run"](Ground(ExecutorOptions(), (target("dry_run"),), clock))
    yield World(opened.executor, target("dry_run"), clock.now, releases=("imagined-1", "imagined-2"), arrives=0)
    await opened.aclose()


@asynccontextmanager
async def http_world() -> AsyncIterator[World]:
    async with http_service() as service:
        asked = replace(target("http"), requests=service.options.declared)
        options = ExecutorOptions(http={asked.name: service.options})
        opened = BUILTIN["http"](Ground(options, (asked,), ManualClock()))
        yield World(opened.executor, asked, lambda: datetime.now(UTC), arrived=lambda: len(service.asked))
        await opened.aclose()


@asynccontextmanager
async def docker_world() -> AsyncIterator[World]:
    async with docker_server() as server:
        server.images = [OLD, NEW]
        place = DockerPlace(project="peakpro", service="crm")
        host = DockerExecutorOptions(host=f"unix://{server.socket}", grace=timedelta(seconds=1))
        opened = BUILTIN["docker"](ground(ExecutorOptions(docker=host, containers={"crm-api": place})))
        yield World(
            opened.executor,
            target("docker"),
            lambda: datetime.now(UTC),
            releases=(OLD, NEW),
            arrived=lambda: len(server.changes),
        )
        await opened.aclose()


def ground(options: ExecutorOptions) -> Ground:
    return Ground(options, (), ManualClock())


WORLDS = {
    "memory": memory_world,
    "docker": docker_world,
    "lab": lab_world,
    "dry_run": dry_run_world,
    "http": http_world,
}
REPLICAS = ("docker", "dry_run", "lab", "memory")
RELEASES = ("docker", "dry_run", "lab", "memory")
LIMITS = ("docker", "dry_run", "memory")
REQUESTS = ("dry_run", "http", "memory")


def test_every_registered_executor_has_a_world_here() -> None:
    assert set(BUILTIN) <= set(WORLDS)


@pytest.mark.parametrize("name", sorted(WORLDS))
async def test_every_executor_has_the_suite_of_what_it_can_do(name: str) -> None:
    async with WORLDS[name]() as world:
        verbs = world.executor.verbs

    assert (name in REPLICAS) is (verbs >= {Verb.RESTART, Verb.SCALE})
    assert (name in RELEASES) is (Verb.ROLLBACK in verbs)
    assert (name in LIMITS) is (Verb.LIMITS in verbs)
    assert (name in REQUESTS) is (Verb.HTTP in verbs)


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    make: AbstractAsyncContextManager[World] = WORLDS[request.param]()
    async with make as made:
        yield made


@pytest.mark.parametrize("world", REPLICAS, indirect=True)
class TestThoseThatChangeReplicas(ReplicasContract):
    """All of it, in each of their worlds."""


@pytest.mark.parametrize("world", RELEASES, indirect=True)
class TestThoseThatBringReleases(ReleasesContract):
    """The same."""


@pytest.mark.parametrize("world", LIMITS, indirect=True)
class TestThoseThatChangeLimits(LimitsContract):
    """The same."""


@pytest.mark.parametrize("world", REQUESTS, indirect=True)
class TestThoseThatSendRequests(RequestsContract):
    """The same."""
