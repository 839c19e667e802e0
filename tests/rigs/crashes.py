"""Agents as processes that are killed around their call (rigs.crashing_agent), and what the next one has to find."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from rigs import crashing_agent
from rigs.crashing_agent import Hands, Point
from rigs.warm_aether import PROCESSES

Seat = TypeVar("Seat")
MANY = 210
"""How many agents the long tests kill."""
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


async def crash_often(
    seats: Sequence[Seat], round_of: Callable[[Path, Seat, tuple[Point, ...]], Awaitable[None]], folder: Path
) -> str:
    """Rounds until MANY agents were killed, one at a time in each seat. Returns how much was done, in words."""
    numbers, done = count(), [0, 0]

    async def sit(seat: Seat) -> None:
        while done[0] < MANY:
            number = next(numbers)
            points = points_of(number)
            done[0] += len(points)
            (mine := folder / str(number)).mkdir()
            await round_of(mine, seat, points)
            done[1] += 1

    async with asyncio.TaskGroup() as group:
        for seat in seats:
            group.create_task(sit(seat))
    return f"{done[0]} crashes in {done[1]} rounds"


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
