"""A rolling restart with real processes that do nothing: none goes while one that went before it is not back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aetherlink.errors import DeadlineError
from aetherlink.lab.probes import Probe
from aetherlink.lab.processes import Launch
from aetherlink.lab.services import Service, ServicePlan
from aetherlink.lab.states import State
from aetherlink.lab.waiting import until
from aetherlink.lib.clock import SystemClock

SECONDS = 20.0


class Patients:
    """Three replicas, each well unless it is named in `ill`."""

    def __init__(self, folder: Path) -> None:
        self.ill: set[int] = set()
        launch = Launch(("sleep", "600"), cwd=folder, log=folder / "log")
        plan = ServicePlan("sleepers", folder / "log", lambda _index, _release: launch, self._probe, max=3, wanted=3)
        self.service = Service(
            plan, clock=SystemClock(), interval=0.01, grace=1, on_change=lambda: None, tell=lambda _line: None
        )

    def _probe(self, index: int) -> Probe:
        async def answer() -> str | None:
            return "ill" if index in self.ill else None

        return answer

    def pids(self) -> list[int | None]:
        return [replica.pid for replica in self.service.view().replicas]

    async def until(self, index: int, state: State, *, but: int | None) -> None:
        """Until the replica is in this state, with another process than that one."""
        assert await until(lambda: self._is(index, state, but), seconds=SECONDS)

    def _is(self, index: int, state: State, but: int | None) -> bool:
        replicas = {replica.index: replica for replica in self.service.view().replicas}
        return index in replicas and replicas[index].state is state and replicas[index].pid != but


@pytest.fixture
async def patients(tmp_path: Path) -> AsyncIterator[Patients]:
    made = Patients(tmp_path)
    await made.service.start(within=SECONDS)
    yield made
    await made.service.stop()


async def test_a_restart_stops_where_one_that_was_replaced_dies_again(patients: Patients) -> None:
    before = patients.pids()
    patients.ill = {1}
    restart = asyncio.create_task(patients.service.restart(datetime.now(UTC), within=SECONDS))
    await patients.until(1, State.STARTING, but=before[1])
    next(child for child in patients.service.children() if child.pid == patients.pids()[0]).send(9)
    await patients.until(0, State.EXITED, but=before[0])
    patients.ill = set()

    with pytest.raises(DeadlineError, match="replica 0 is exited"):
        await restart

    assert patients.pids()[2] == before[2]


async def test_a_restart_replaces_every_replica_that_is_well(patients: Patients) -> None:
    before = patients.pids()

    await patients.service.restart(datetime.now(UTC), within=SECONDS)

    assert not set(before) & set(patients.pids())
    assert patients.service.state is State.READY
