"""An event loop whose time moves only while nobody has anything to do: hours of an agent pass in seconds.

Loops, timers and deadlines are the agent's own, and none of them notices. While anything is on its way (a thread, an
answer from outside), time stands still.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_BREATH = 0.0005  # real seconds: what is written to a loopback socket is there to be read by then
_LOOK = 0.05  # real seconds


class _Selector(selectors.DefaultSelector):
    """Waits for what is on its way, and skips the time in which nothing is."""

    def __init__(self, loop: "MovedLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; time has moved by `timeout` seconds where nothing was."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self._loop.works:
            return super().select(_LOOK)
        ready = super().select(_BREATH)
        if not ready:
            self._loop.move(timeout)
        return ready


class MovedLoop(asyncio.SelectorEventLoop):
    """Counts what is on its way in threads by itself, and the rest by `at_work`."""

    def __init__(self) -> None:
        self._moved = 0.0
        self._works = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds moved so far."""
        return self._moved

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._moved += seconds

    @property
    def works(self) -> bool:
        """Whether anything is on its way."""
        return self._works > 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Time stands still until the block ends."""
        self._works += 1
        try:
            yield
        finally:
            self._works -= 1

    def counting(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """The same call; time stands still until it has answered."""

        async def counted(*given: Any, **named: Any) -> T:
            with self.at_work():
                return await call(*given, **named)

        return counted

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        """As ever; time stands still until the thread is done."""
        future = super().run_in_executor(executor, func, *args)
        self._works += 1
        future.add_done_callback(self._one_less)
        return future

    def _one_less(self, _: object) -> None:
        self._works -= 1


class MovedClock:
    """The clock of the loop: it shows `start` when the loop is made."""

    def __init__(self, loop: MovedLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        """The moved time."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._loop.time()
