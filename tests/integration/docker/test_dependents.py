"""What depends on a repaired container is restarted after it: db <- api <- web, on a real daemon.

The witness is the daemon, by what it says of `StartedAt`. Its events are forgotten too soon: health checks make many.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Target, Verdict
from aetherlink.model.ids import TargetName
from aetherlink.model.incidents import Stage
from aetherlink.model.playbooks import TargetChoice
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, fixed_key
from rigs.containers import Container, docker
from rigs.databases import empty_file
from rigs.docker_hands import GRACE, SOCKET
from rigs.docker_stack import Stack, healthy, name_of, started_at
from rigs.pipeline import Rig, build_rig
from rigs.repairs import Signal, playbook_of, restrain, said, wide

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
DEPENDS_ON = {"db": (), "api": ("db",), "web": ("api",)}


@dataclass(frozen=True)
class Chained:
    """Three containers, when they were started first, and the pipeline that guards them by the real clock."""

    rig: Rig
    containers: dict[str, Container]
    first: dict[str, str]

    async def repaired(self) -> None:
        """The alert of the database fires, and the pipeline works until it has nothing more to do."""
        await self.rig.hear(service="db")
        await self.done()

    async def done(self) -> None:
        """It has nothing more to do."""
        async with asyncio.timeout(200):
            while True:
                await self.rig.run()
                incident = await self.rig.incident()
                if incident.stage is Stage.WATCH and incident.action_id is not None:
                    return
                await asyncio.sleep(0.1)

    def declare(self, name: str, **changes: object) -> None:
        """Declare the target otherwise."""
        targets = self.rig.world.targets
        changed = replace(targets[TargetName(name)], **changes)  # type: ignore[arg-type] - named by the test
        self.rig.change(targets={**targets, changed.name: changed})

    def started_anew(self) -> list[str]:
        """Those that the daemon has started since, in the order of their last start."""
        now = {name: started_at(one) for name, one in self.containers.items()}
        return sorted((name for name in now if now[name] != self.first[name]), key=lambda name: now[name])

    async def restarted(self) -> list[str]:
        """Those that the pipeline called the daemon for."""
        return [one.plan.target for one in await self.rig.actions() if one.started_at is not None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(empty_file(tmp_path / "aetherlink.db"), key=fixed_key)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def chained(stack: Stack, store: SqlStore) -> AsyncIterator[Chained]:
    managed = {"aether.managed": "true"}
    containers = {name: healthy(stack.alone(labels=managed)) for name in DEPENDS_ON}
    targets = {
        TargetName(name): Target(TargetName(name), "docker", name, depends_on=tuple(map(TargetName, needed)))
        for name, needed in DEPENDS_ON.items()
    }
    clock, options = SystemClock(), DockerExecutorOptions(host=SOCKET, grace=GRACE)
    places = {TargetName(name): DockerPlace(container=name_of(one)) for name, one in containers.items()}
    made = ExecutorOptions(docker=options, containers=places)
    opened = open_executors(list(targets.values()), made, clock=clock)["docker"]
    rig = build_rig(store, clock, CountingIds(), database=Path())  # type: ignore[arg-type] - nothing moves its time
    rig.change(
        executors={"docker": opened.executor},
        targets=targets,
        probe=Signal(clock),  # type: ignore[arg-type] - as above
        options=PipelineOptions(
            verify_interval=timedelta(seconds=0.5),
            redecide_interval=timedelta(seconds=1),
            action_deadline=timedelta(seconds=20),
        ),
    )
    restrain(rig, budgets=wide())
    times = {"verify_for": timedelta(seconds=1), "verify_within": timedelta(seconds=4)}
    playbook_of(rig, target=TargetChoice(TargetName("db")), dependents=True, **times)
    yield Chained(rig, containers, {name: started_at(one) for name, one in containers.items()})
    await opened.aclose()


async def test_each_is_restarted_once_and_after_what_it_depends_on(chained: Chained) -> None:
    await chained.repaired()

    assert chained.started_anew() == await chained.restarted() == ["db", "api", "web"]
    for action in await chained.rig.actions():
        assert action.verdict is Verdict.RECOVERED
        start = datetime.fromisoformat(started_at(chained.containers[action.plan.target]))
        assert action.started_at is not None
        assert action.finished_at is not None
        assert action.started_at < start <= action.finished_at
    assert await said(chained.rig, EventKind.ESCALATED) == []


async def test_one_that_its_own_check_finds_ill_stops_what_depends_on_it(chained: Chained) -> None:
    chained.containers["api"].python("open('/tmp/ill', 'w')")
    await chained.repaired()

    assert chained.started_anew() == await chained.restarted() == ["db", "api"]
    assert (await chained.rig.actions())[-1].has_failed
    assert len(await said(chained.rig, EventKind.ESCALATED)) == 1


async def test_one_that_somebody_has_restarted_since_is_left_as_it_is(chained: Chained) -> None:
    chained.declare("api", executor="nobody's")
    await chained.rig.hear(service="db")
    async with asyncio.timeout(120):
        while (plan := (await chained.rig.incident()).plan) is None or plan.target != "api":
            await chained.rig.run()
            await asyncio.sleep(0.1)
    docker("restart", "--time", "2", chained.containers["api"].id)
    chained.declare("api", executor="docker")
    await chained.done()

    assert chained.started_anew() == ["db", "api", "web"]
    assert await chained.restarted() == ["db", "web"]
