"""The executor `docker` on a real daemon, straight or through a proxy, with one target: the `crm` of a stack."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import CPU, Limits, Observation, Outcome, StartedAfter, Target, Wish
from aetherlink.model.ids import TargetName
from aetherlink.ports import Executor
from rigs.docker_stack import Stack

MIB = 2**20
CRM = Target(
    TargetName("crm-api"),
    executor="docker",
    service="crm",
    minimum=1,
    maximum=4,
    most=Limits(512 * MIB, 2 * CPU),
)
DEADLINE = timedelta(seconds=40)
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
GRACE = timedelta(seconds=2)


@asynccontextmanager
async def hands_on(place: DockerPlace, host: str = SOCKET, *, is_dry_run: bool = False) -> AsyncIterator[Executor]:
    options = DockerExecutorOptions(host=host, grace=GRACE)
    made = ExecutorOptions(docker=options, containers={CRM.name: place})
    opened = open_executors([CRM], made, clock=SystemClock(), is_dry_run=is_dry_run)["docker"]
    yield opened.executor
    await opened.aclose()


def service(stack: Stack) -> DockerPlace:
    return DockerPlace(project=stack.project, service="crm")


async def until(executor: Executor, is_so: Callable[[Observation], bool]) -> Observation:
    async with asyncio.timeout(30):
        while True:
            seen = await executor.observe(CRM, deadline=DEADLINE)
            if is_so(seen):
                return seen
            await asyncio.sleep(0.1)


async def converged(executor: Executor, wish: Wish) -> Outcome:
    return await executor.converge(CRM, wish, deadline=DEADLINE)


async def restarted(executor: Executor) -> Outcome:
    return await converged(executor, StartedAfter(datetime.now(UTC)))
