"""An answer that is kept: asked for once, anew when it is old, and after a failure not by everybody at once."""

import asyncio
from datetime import timedelta

import pytest

from aetherlink.clients.kept import Kept
from aetherlink.errors import DeadlineError
from aetherlink.testing import ManualClock


class Slow:
    """Takes five seconds, and then answers how often it was asked, or fails."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.asked = 0
        self.fails = False
        self.kept = Kept(self._ask, life=timedelta(hours=1), clock=self.clock)

    async def _ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        self.clock.move(5)
        if self.fails:
            raise DeadlineError("too slow")
        return self.asked


async def test_many_who_ask_at_once_hear_one_answer() -> None:
    slow = Slow()

    assert await asyncio.gather(*(slow.kept.value() for _ in range(10))) == [1] * 10


async def test_it_is_asked_for_anew_when_it_is_old() -> None:
    slow = Slow()
    await slow.kept.value()

    slow.clock.move(3594)
    assert await slow.kept.value() == 1
    assert await slow.kept.value(newer_than=timedelta(minutes=60)) == 1
    slow.clock.move(1)
    assert await slow.kept.value() == 2


async def test_many_who_ask_a_slow_side_that_fails_wait_for_one_failure_only() -> None:
    slow = Slow()
    slow.fails = True

    heard = await asyncio.gather(*(slow.kept.value() for _ in range(10)), return_exceptions=True)

    assert [type(one) for one in heard] == [DeadlineError] * 10
    assert slow.asked == 1
    slow.clock.move(5)
    slow.fails = False
    assert await slow.kept.value() == 2


async def test_whoever_gives_up_leaves_nothing_behind() -> None:
    slow = Slow()
    waiting = asyncio.create_task(slow.kept.value())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await slow.kept.value() == 2
