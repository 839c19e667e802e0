"""T16: while Docker hangs and many alerts name containers, another target's repair begins within 5 s."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.executors.docker_finding import Grounds
from aetherlink.executors.docker_options import DockerExecutorOptions
from aetherlink.executors.finding import open_docker_finder
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.model.ids import PlaybookName
from aetherlink.model.playbooks import TargetChoice
from aetherlink.pipeline.runner import Runner
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from rigs.bad_docker import Spoil, bad_docker
from rigs.docker_server import docker_server
from rigs.patience import eventually
from rigs.pipeline import API, Rig, build_rig, with_step

HANGING = 40  # incidents, far more than the pipeline has workers
BOUND = 5.0  # seconds
MARGIN = 3.0  # for a machine that is busy with other tests


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """In real time, with a second playbook whose targets are Docker's."""
    clock: Any = SystemClock()  # the rig's own is moved by hand; here time passes as it does
    ids: Any = SortableIds(clock)
    store = SqlStore(tmp_path / "aetherlink.db", key=fixed_key)
    store.open()
    made = build_rig(store, clock, ids, database=tmp_path / "aetherlink.db")
    [playbook] = made.world.playbooks
    others = with_step(playbook, target=TargetChoice(executor="docker"))
    matchers = tuple(replace(one, value="ContainerDown") for one in playbook.match if one.label == "alertname")
    made.change(playbooks=(playbook, replace(others, name=PlaybookName("of-docker"), match=matchers)))
    return made


async def test_t16_while_docker_hangs_another_targets_repair_begins_in_time(rig: Rig) -> None:
    async with docker_server() as server, bad_docker(server.socket) as socket:
        socket.spoil, socket.looks_too = Spoil.HANG, True
        host = f"unix://{socket.socket}"
        opened = open_docker_finder(host, Grounds(DockerExecutorOptions(host=host)))
        rig.change(finder=opened.finder)
        runner = Runner(rig.world, rig.metrics)
        for number in range(HANGING):
            await rig.hear("ContainerDown", service=f"s{number}", container_name=f"c{number}", instance=f"i{number}")
        runner.start()
        await eventually(lambda: socket.hanging > 0, seconds=30)

        await rig.hear()
        runner.wake()
        began = asyncio.get_running_loop().time()
        await eventually(lambda: bool(rig.executor.calls), seconds=60)
        took = asyncio.get_running_loop().time() - began

        await runner.stop(grace=timedelta(seconds=1))
        await opened.aclose()
    assert took <= BOUND + MARGIN
    assert {action.plan.target for action in await rig.actions()} == {API}
    assert server.changes == []
    rig.store.close()
