"""Looks at something again and again, until it is stopped: the loop of everything that watches or tidies up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aetherlink.errors import AetherError

Look = Callable[[], Awaitable[timedelta | None]]
"""One look. It may answer with the pause until the next one; None is the usual pause."""

_NONE = timedelta(0)


class Periodic:
    """Calls `look` now, or first after a pause, then after every pause; `start` and `stop` bound its life.

    `wake` cuts the pause short, but for the `breath` that lies between any two looks. A look that fails is said in the
    log `log`, and the next one comes as ever.
    """

    def __init__(
        self,
        name: str,
        look: Look,
        *,
        every: timedelta,
        log: logging.Logger,
        breath: timedelta = _NONE,
        at_once: bool = True,
    ) -> None:
        self._name = name
        self._look = look
        self._every = every
        self._log = log
        self._breath = breath
        self._at_once = at_once
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it was started, and neither stopped nor broken."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Look no more; a look that runs is cut off. Nothing happens where it was never started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Look before the pause is over; whoever wakes while a look runs gets another one."""
        self._woken.set()

    async def _run(self) -> None:
        if not self._at_once:
            await self._rest(self._every)
        while True:
            self._woken.clear()
            await self._rest(await self._tried())

    async def _tried(self) -> timedelta:
        """The pause after one look, however that went."""
        try:
            pause = await self._look()
        except Exception as problem:  # noqa: BLE001 - the named boundary of the loop: a fault of one look ends no other
            expected = isinstance(problem, AetherError)
            what = str(problem) if expected else type(problem).__name__
            self._log.error("%s: a look failed: %s", self._name, what, exc_info=not expected)
            return self._every
        return self._every if pause is None else pause

    async def _rest(self, pause: timedelta) -> None:
        await asyncio.sleep(self._breath.total_seconds())
        try:
            async with asyncio.timeout(max(pause - self._breath, _NONE).total_seconds()):
                await self._woken.wait()
        except TimeoutError:
            pass  # nobody woke it: the pause is over
