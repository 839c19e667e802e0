"""The executor contract on a real lab: real processes of a real CRM behind the real control API."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.executors.options import ExecutorOptions, LabExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.lab import remote
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import OutcomeStatus, StartedAfter, Target
from aetherlink.model.ids import TargetName
from rigs.executor_contract import ReleasesContract, ReplicasContract, World

CRM = Target(TargetName("crm-api"), executor="lab", service="crm", minimum=1, maximum=4)
DEADLINE = timedelta(seconds=40)


@pytest.fixture
async def world(shared_lab: Any) -> AsyncIterator[World]:
    socket = (await remote.status(shared_lab.dir)).control_socket
    assert socket is not None
    options = ExecutorOptions(lab=LabExecutorOptions(control_socket=Path(socket)))
    opened = open_executors([CRM], options, clock=SystemClock())["lab"]
    yield World(opened.executor, CRM, lambda: datetime.now(UTC))
    await opened.aclose()


class TestTheLabsExecutor(ReplicasContract, ReleasesContract):
    """All of it, and what only a real process can show."""

    async def test_a_killed_service_is_seen_and_restarted(self, world: World, shared_lab: Any) -> None:
        async def ready() -> int:
            return (await world.executor.observe(CRM, deadline=DEADLINE)).ready

        await remote.kill(shared_lab.dir, "crm")
        deadline = time.monotonic() + 15
        while await ready():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

        outcome = await world.executor.converge(CRM, StartedAfter(world.now()), deadline=DEADLINE)

        assert outcome.status is OutcomeStatus.DONE, outcome
        assert await ready() == 1
