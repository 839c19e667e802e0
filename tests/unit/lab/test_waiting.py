"""What runs on a thread is over before whoever waited for it goes on."""

import asyncio
import threading

import pytest

from aetherlink.lab.waiting import to_its_end


async def test_what_it_made_is_handed_on() -> None:
    assert await to_its_end(divmod, 7, 2) == (3, 1)


async def test_its_failure_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        await to_its_end(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_waits_until_the_work_is_over(fails: bool) -> None:
    may_end, begun, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        assert may_end.wait(10)
        done.append(True)
        if fails:
            raise OSError("too late to matter")

    waiting = asyncio.create_task(to_its_end(work))
    await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    await asyncio.sleep(0.05)
    assert not waiting.done()

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == [True]
