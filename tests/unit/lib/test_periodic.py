"""Looks come again and again: after a pause, after a fault, when woken, and never after the stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from aetherlink.errors import StoreError
from aetherlink.lib.periodic import Periodic
from rigs.patience import eventually

SHORT = timedelta(milliseconds=5)
LONG = timedelta(hours=1)

_log = logging.getLogger("aetherlink.periodic")


class Looks:
    """Counts the looks; `fault` is raised by each, `answer` given."""

    def __init__(self) -> None:
        self.number = 0
        self.fault: Exception | None = None
        self.answer: timedelta | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def look(self) -> timedelta | None:
        self.number += 1
        await self.may_end.wait()
        if self.fault is not None:
            raise self.fault
        return self.answer


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
async def started(looks: Looks) -> AsyncIterator[Callable[..., Periodic]]:
    made: list[Periodic] = []

    def start(every: timedelta, *, breath: timedelta = timedelta(0), at_once: bool = True) -> Periodic:
        made.append(Periodic("tides", looks.look, every=every, log=_log, breath=breath, at_once=at_once))
        made[-1].start()
        return made[-1]

    yield start
    for loop in made:
        await loop.stop()


async def turns() -> None:
    """Every task that can run has run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_looks_at_once_and_after_every_pause(started: Callable[..., Periodic], looks: Looks) -> None:
    started(LONG)
    await eventually(lambda: looks.number == 1)

    started(SHORT)
    await eventually(lambda: looks.number >= 4)


async def test_it_may_begin_with_the_pause(started: Callable[..., Periodic], looks: Looks) -> None:
    started(LONG, at_once=False)
    await turns()
    assert looks.number == 0

    started(SHORT, at_once=False)
    await eventually(lambda: looks.number >= 2)


async def test_a_look_may_say_when_the_next_one_is_due(started: Callable[..., Periodic], looks: Looks) -> None:
    looks.answer = timedelta(0)
    started(LONG)
    await eventually(lambda: looks.number >= 3)

    looks.answer = LONG
    await turns()
    before = looks.number
    await turns()
    assert looks.number == before


@pytest.mark.parametrize(
    ("fault", "said", "has_trace"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError", True),
        (StoreError("the disk is full"), "the disk is full", False),
    ],
)
async def test_a_look_that_fails_is_said_and_ends_no_other(
    started: Callable[..., Periodic],
    looks: Looks,
    caplog: pytest.LogCaptureFixture,
    *,
    fault: Exception,
    said: str,
    has_trace: bool,
) -> None:
    looks.fault = fault
    loop = started(SHORT)
    await eventually(lambda: looks.number >= 3)

    assert loop.is_alive
    assert caplog.messages[0] == f"tides: a look failed: {said}"
    assert bool(caplog.records[0].exc_info) is has_trace


async def test_a_look_that_fails_is_followed_by_a_whole_pause(started: Callable[..., Periodic], looks: Looks) -> None:
    looks.fault, looks.answer = ZeroDivisionError("a bug"), timedelta(0)
    started(LONG)
    await turns()

    assert looks.number == 1


async def test_woken_it_looks_before_the_pause_is_over(started: Callable[..., Periodic], looks: Looks) -> None:
    loop = started(LONG, breath=SHORT)
    await eventually(lambda: looks.number == 1)

    loop.wake()

    await eventually(lambda: looks.number == 2)
    await turns()
    assert looks.number == 2


async def test_woken_while_it_looks_it_looks_once_more(started: Callable[..., Periodic], looks: Looks) -> None:
    looks.may_end.clear()
    loop = started(LONG)
    await eventually(lambda: looks.number == 1)

    loop.wake()
    looks.may_end.set()

    await eventually(lambda: looks.number == 2)


async def test_the_breath_is_never_cut_short(started: Callable[..., Periodic], looks: Looks) -> None:
    loop = started(SHORT, breath=LONG)
    await eventually(lambda: looks.number == 1)

    loop.wake()
    await turns()

    assert looks.number == 1


async def test_after_the_stop_there_is_no_look(started: Callable[..., Periodic], looks: Looks) -> None:
    loop = started(timedelta(0))
    await eventually(lambda: looks.number >= 2)
    assert loop.is_alive

    await loop.stop()
    before = looks.number
    loop.wake()
    await turns()

    assert looks.number == before
    assert not loop.is_alive


async def test_the_stop_cuts_off_a_look_that_runs(started: Callable[..., Periodic], looks: Looks) -> None:
    looks.may_end.clear()
    loop = started(SHORT)
    await eventually(lambda: looks.number == 1)

    async with asyncio.timeout(5):
        await loop.stop()

    assert not loop.is_alive


async def test_what_was_never_started_can_be_stopped(looks: Looks) -> None:
    loop = Periodic("tides", looks.look, every=SHORT, log=_log)

    await loop.stop()

    assert not loop.is_alive
    assert looks.number == 0
