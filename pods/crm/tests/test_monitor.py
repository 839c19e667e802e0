"""The monitor's bookkeeping: deadlines, one question at a time, and what it reports."""

import asyncio
from collections.abc import Callable

from peakpro_crm.errors import DatabaseAwayError
from peakpro_crm.monitor import DatabaseMonitor
from peakpro_crm.schema import HEAD


class Oracle:
    """Answers when it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.reported: list[bool] = []
        self.answers: asyncio.Queue[Callable[[], str | None]] = asyncio.Queue()
        self.monitor = DatabaseMonitor(self.ask, self.reported.append, interval=0, deadline=0.05)

    async def ask(self) -> str | None:
        self.asked += 1
        return (await self.answers.get())()


def away() -> str:
    raise DatabaseAwayError("refused")


async def test_nothing_is_ready_before_the_first_answer() -> None:
    assert Oracle().monitor.trouble == "the database was not asked yet"


async def test_the_right_revision_is_no_trouble() -> None:
    oracle = Oracle()
    oracle.answers.put_nowait(lambda: HEAD)

    await oracle.monitor.check()

    assert (oracle.reported, oracle.monitor.trouble) == ([True], None)


async def test_another_revision_is_up_but_not_ready() -> None:
    oracle = Oracle()
    oracle.answers.put_nowait(lambda: None)

    await oracle.monitor.check()

    assert oracle.reported == [True]
    assert "schema is empty" in str(oracle.monitor.trouble)


async def test_a_refusal_is_down() -> None:
    oracle = Oracle()
    oracle.answers.put_nowait(away)

    await oracle.monitor.check()

    assert (oracle.reported, oracle.monitor.trouble) == ([False], "refused")


async def test_no_answer_in_time_is_down_and_asks_no_second_question() -> None:
    oracle = Oracle()

    for _ in range(3):
        await oracle.monitor.check()

    assert oracle.reported == [False] * 3
    assert oracle.monitor.trouble == "the database does not answer in time"
    assert oracle.asked == 1

    oracle.answers.put_nowait(lambda: HEAD)
    await oracle.monitor.check()

    assert oracle.reported[3:] == [True]
    assert oracle.asked == 1
