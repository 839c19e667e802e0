"""Watches the database from the background: up or away, and at which schema revision.

`app` starts it; `/readyz` and crm_database_up show what it found last. It never touches the pool, so that an exhausted
pool does not look like a dead database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from peakpro_crm import schema
from peakpro_crm.errors import DatabaseAwayError, SchemaError

_LOG = logging.getLogger("peakpro_crm.monitor")
_LAST_ANSWER = 0.5  # seconds


class DatabaseMonitor:
    """Asks for the revision every `interval` seconds and gives each question `deadline` seconds."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[str | None]],
        report: Callable[[bool], None],
        *,
        interval: float,
        deadline: float,
    ) -> None:
        self._ask = ask
        self._report = report
        self._interval = interval
        self._deadline = deadline
        self._question: asyncio.Task[str | None] | None = None
        self._trouble: str | None = "the database was not asked yet"

    @property
    def trouble(self) -> str | None:
        """What keeps the CRM from being ready, as a sentence; None when nothing does."""
        return self._trouble

    async def run(self) -> None:
        """Check until cancelled."""
        try:
            while True:
                await self.check()
                await asyncio.sleep(self._interval)
        finally:
            if self._question is not None:
                # An answer is usually a moment away, and cancelling a question costs more than hearing it out.
                await asyncio.wait({self._question}, timeout=_LAST_ANSWER)
                self._question.cancel()

    async def check(self) -> None:
        """Ask once. A question that outlives its deadline stays the only one: a frozen database gathers no pile."""
        if self._question is None:
            self._question = asyncio.ensure_future(self._ask())
        done, _ = await asyncio.wait({self._question}, timeout=self._deadline)
        if not done:
            self._found(up=False, trouble="the database does not answer in time")
            return
        question, self._question = self._question, None
        try:
            schema.check(question.result())
        except DatabaseAwayError as error:
            self._found(up=False, trouble=str(error))
        except SchemaError as error:
            self._found(up=True, trouble=str(error))
        else:
            self._found(up=True, trouble=None)

    def _found(self, *, up: bool, trouble: str | None) -> None:
        self._report(up)
        if trouble != self._trouble:
            _LOG.log(logging.INFO if trouble is None else logging.WARNING, "%s", trouble or "the database answers")
        self._trouble = trouble


async def stop(task: asyncio.Task[None]) -> None:
    """End a running monitor."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
