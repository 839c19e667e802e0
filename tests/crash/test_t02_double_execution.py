"""T02: nothing is done twice, wherever around the call the agent is killed, and nobody is told twice or not at all.

The witness is the thin lab that the agent's executor talks to: it outlives every agent and counts what it restarted.
"""

import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from rigs.crashes import ACTS_AND_OUTCOME, BEFORE_THE_OUTCOME, Found, agent, come_back, crash_often, ended
from rigs.crashing_agent import Hands, Point, lab_hands
from rigs.lab_server import LabServer, Mishap, lab_server


def hands(lab: LabServer) -> Hands:
    return Hands(partial(lab_hands, lab.socket))


def arm(lab: LabServer, point: Point, process: BaseProcess) -> None:
    """During the call it is the lab that kills the agent."""

    def kill() -> None:
        lab.before = lab.after = lambda: None
        process.kill()
        lab.mishap = Mishap.REQUEST_LOST if point is Point.CALL_LOST else None

    if point in (Point.CALL_LOST, Point.CALL_CARRIED_OUT):
        lab.before = kill
    if point is Point.BEFORE_REPLY:
        lab.after = kill


async def crash(folder: Path, lab: LabServer, point: Point) -> None:
    process = agent(folder, hands(lab), point)
    arm(lab, point, process)
    assert await ended(process) == -signal.SIGKILL


async def nothing_happens_twice(folder: Path, *points: Point) -> None:
    async with lab_server() as lab:
        lab.state = "exited"
        for point in points:
            await crash(folder, lab, point)
        found = await come_back(folder, hands(lab))

    restarts, outcome = ACTS_AND_OUTCOME[points[0]]
    assert found == Found(["finished"], [outcome], escalations=1 if outcome == "unknown" else 0, started=1)
    assert lab.restarts == restarts
    assert len(lab.changes) <= 1


@pytest.mark.parametrize("point", Point, ids=[point.name for point in Point])
async def test_t02_an_agent_killed_here_does_nothing_twice(tmp_path: Path, point: Point) -> None:
    await nothing_happens_twice(tmp_path, point)


@pytest.mark.parametrize("point", BEFORE_THE_OUTCOME, ids=[point.name for point in BEFORE_THE_OUTCOME])
async def test_t02_an_agent_killed_again_when_it_knows_what_came_of_it_does_nothing_twice(
    tmp_path: Path, point: Point
) -> None:
    await nothing_happens_twice(tmp_path, point, Point.IN_OUTCOME)


@pytest.mark.parametrize("point", [Point.AFTER_INTENT, Point.CALL_LOST])
async def test_t02_what_never_arrived_at_a_target_that_is_well_is_decided_anew(tmp_path: Path, point: Point) -> None:
    async with lab_server() as lab:
        await crash(tmp_path, lab, point)
        found = await come_back(tmp_path, hands(lab))

    assert (lab.restarts, found.started, found.escalations) == (0, 1, 0)
    assert (found.outcomes[0], found.states) == ("not_done", ["finished", "refused"])  # for now its cooldown is against


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_t02_no_double_execution_in_210_crashes(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def once(folder: Path, _: int, points: tuple[Point, ...]) -> None:
        await nothing_happens_twice(folder, *points)

    said = await crash_often(range(4), once, tmp_path)
    record_property("figure", f"{said}, 0 restarts too many")
