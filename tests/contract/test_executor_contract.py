"""The executor contract for every registered executor and for the fake; tests/integration/lab runs it on a real lab."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import pytest

from aetherlink.executors.options import ExecutorOptions, LabExecutorOptions
from aetherlink.executors.registry import BUILTIN, Ground
from aetherlink.model.actions import Target
from aetherlink.model.ids import TargetName
from aetherlink.testing import ManualClock, MemoryExecutor
from rigs.executor_contract import ExecutorContract, World
from rigs.lab_server import lab_server


def target(executor: str) -> Target:
    return Target(TargetName("crm-api"), executor=executor, service="crm", minimum=1, maximum=4)


@asynccontextmanager
async def memory_world() -> AsyncIterator[World]:
    clock = ManualClock()
    yield World(MemoryExecutor(clock, [TargetName("crm-api")]), target("memory"), clock.now)


@asynccontextmanager
async def lab_world() -> AsyncIterator[World]:
    async with lab_server() as server:
        opened = BUILTIN["lab"](ground(ExecutorOptions(lab=LabExecutorOptions(control_socket=server.socket))))
        yield World(opened.executor, target("lab"), lambda: datetime.now(UTC))
        await opened.aclose()


@asynccontextmanager
async def dry_run_world() -> AsyncIterator[World]:
    clock = ManualClock()
    opened = BUILTIN["dry_run"](Ground(ExecutorOptions(), (target("dry_run"),), clock))
    yield World(opened.executor, target("dry_run"), clock.now, releases=("imagined-1", "imagined-2"))
    await opened.aclose()


def ground(options: ExecutorOptions) -> Ground:
    return Ground(options, (), ManualClock())


WORLDS = {"memory": memory_world, "lab": lab_world, "dry_run": dry_run_world}


def test_every_registered_executor_has_a_world_here() -> None:
    assert set(BUILTIN) <= set(WORLDS)


@pytest.fixture(params=sorted(WORLDS))
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    make: AbstractAsyncContextManager[World] = WORLDS[request.param]()
    async with make as made:
        yield made


class TestEveryExecutor(ExecutorContract):
    """All of it, in every world."""
