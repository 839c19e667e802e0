"""Agents as processes that are killed around their call (rigs.crashing_agent), and what the next one has to find."""

import asyncio
import json
import multiprocessing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from rigs import crashing_agent
from rigs.crashing_agent import Hands, Point

PROCESSES = multiprocessing.get_context("forkserver")  # every agent begins with its imports done
PROCESSES.set_forkserver_preload(["rigs.crashing_agent"])
SECONDS = 60  # an action may be left running for no longer, once the agent is there again

ACTS_AND_OUTCOME = {
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


def points_of(number: int) -> tuple[Point, ...]:
    """Where the agents of a round die. Two of three are killed once; every third one is killed again on its return."""
    first = list(Point)[number % len(Point)]
    return (first, Point.IN_OUTCOME) if number % 3 == 0 and first in BEFORE_THE_OUTCOME else (first,)


def agent(folder: Path, hands: Hands, point: Point | None) -> BaseProcess:
    """An agent as a process, on its way."""
    process = PROCESSES.Process(target=crashing_agent.run, args=(folder, hands, point))
    process.start()
    return process


async def ended(process: BaseProcess) -> int | None:
    """Its exit code, once it has ended; None when it has not ended in time."""
    await asyncio.to_thread(process.join, SECONDS)
    return process.exitcode


async def come_back(folder: Path, hands: Hands) -> Found:
    """What an agent that nobody kills finds in the end."""
    assert await ended(agent(folder, hands, None)) == 0
    return Found(**json.loads((folder / crashing_agent.FOUND).read_text()))
