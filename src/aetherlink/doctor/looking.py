"""The shape of a check: which looks it takes at an installation, each bounded in time and on its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from aetherlink.doctor.agent_view import AgentView
from aetherlink.doctor.findings import Finding
from aetherlink.ports import Clock
from aetherlink.settings import Settings

T = TypeVar("T")

LONGEST = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is looked over. `file` is where the settings came from; None: from the environment alone.

    `test_alert_wait` is how long to wait for a test alert; None: none is sent.
    """

    settings: Settings
    file: Path | None
    agent: AgentView
    clock: Clock
    test_alert_wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one thing. `work` may raise AetherError, which then is a fault in its own words."""

    subject: str
    work: Callable[[], Awaitable[Sequence[Finding]]]
    within: timedelta = LONGEST


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its name: the looks that it takes. `looks` asks nobody."""

    name: str
    looks: Callable[[Ground], Iterable[Look]]


async def aside(work: Callable[[], T]) -> T:
    """What blocks, in a thread that nobody has to wait for at the end: a disk may hang for ever."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if answer.cancelled():
            return
        if problem is None:
            answer.set_result(result)  # type: ignore[arg-type]  # there is one where there is no problem
        else:
            answer.set_exception(problem)

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - carried over to whoever waits
            problem = raised
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await answer
