"""T02: nothing is done twice, wherever around the call the agent is killed, and nobody is told twice or not at all.

The witness is the thin lab that the agent's executor talks to: it outlives every agent and counts what it restarted.
"""

import asyncio
import json
import multiprocessing
import signal
from dataclasses import dataclass
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from rigs import crashing_agent
from rigs.crashing_agent import Point
from rigs.lab_server import LabServer, Mishap, lab_server

PROCESSES = multiprocessing.get_context("forkserver")  # every agent begins with its imports done
PROCESSES.set_forkserver_preload(["rigs.crashing_agent"])
SECONDS = 60  # an action may be left running for no longer, once the agent is there again

RESTARTS_AND_OUTCOME = {
    Point.IN_INTENT: (1, "done"),
    Point.AFTER_INTENT: (0, "unknown"),
    Point.CALL_LOST: (0, "unknown"),
    Point.CALL_CARRIED_OUT: (1, "done"),
    Point.BEFORE_REPLY: (1, "done"),
    Point.AFTER_REPLY: (1, "done"),
    Point.IN_OUTCOME: (1, "done"),
    Point.AFTER_OUTCOME: (1, "done"),
}
BEFORE_THE_OUTCOME = (Point.IN_INTENT, Point.AFTER_INTENT, Point.CALL_LOST, Point.BEFORE_REPLY)


@dataclass
class Found:
    """What the second agent found stored when nothing was left to do."""

    states: list[str]
    outcomes: list[str | None]
    escalations: int
    started: int


def agent(folder: Path, lab: LabServer, point: Point | None) -> BaseProcess:
    """An agent as a process, on its way."""
    process = PROCESSES.Process(target=crashing_agent.run, args=(folder, lab.socket, point))
    process.start()
    return process


async def ended(process: BaseProcess) -> int | None:
    """Its exit code, once it has ended; None when it has not ended in time."""
    await asyncio.to_thread(process.join, SECONDS)
    return process.exitcode


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
    process = agent(folder, lab, point)
    arm(lab, point, process)
    assert await ended(process) == -signal.SIGKILL


async def come_back(folder: Path, lab: LabServer) -> Found:
    assert await ended(agent(folder, lab, None)) == 0
    return Found(**json.loads((folder / crashing_agent.FOUND).read_text()))


async def nothing_happens_twice(folder: Path, *points: Point) -> None:
    async with lab_server() as lab:
        for point in points:
            await crash(folder, lab, point)
        found = await come_back(folder, lab)

    restarts, outcome = RESTARTS_AND_OUTCOME[points[0]]
    assert (lab.restarts, found.outcomes) == (restarts, [outcome])
    assert len(lab.changes) <= found.started == 1
    assert found.states == ["finished"]
    assert found.escalations == (1 if outcome == "unknown" else 0)


@pytest.mark.parametrize("point", Point, ids=[point.name for point in Point])
async def test_t02_an_agent_killed_here_does_nothing_twice(tmp_path: Path, point: Point) -> None:
    await nothing_happens_twice(tmp_path, point)


@pytest.mark.parametrize("point", BEFORE_THE_OUTCOME, ids=[point.name for point in BEFORE_THE_OUTCOME])
async def test_t02_an_agent_killed_again_when_it_knows_what_came_of_it_does_nothing_twice(
    tmp_path: Path, point: Point
) -> None:
    await nothing_happens_twice(tmp_path, point, Point.IN_OUTCOME)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_t02_no_double_execution_in_210_crashes(tmp_path: Path) -> None:
    """Two of three agents are killed once; every third one is killed again on its return."""
    crashes = 0
    for number in count():
        first = list(Point)[number % len(Point)]
        points = (first, Point.IN_OUTCOME) if number % 3 == 0 and first in BEFORE_THE_OUTCOME else (first,)
        folder = tmp_path / str(number)
        folder.mkdir()
        await nothing_happens_twice(folder, *points)
        crashes += len(points)
        if crashes >= 210:
            break
