"""An answer that is asked for once in a while, and not by everybody who wants it at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from aetherlink.errors import AetherError
from aetherlink.ports import Clock

T = TypeVar("T")

_AFTER_FAILURE = 5.0  # seconds in which a failure is told again without asking


class Kept(Generic[T]):
    """What `ask` answers, for as long as `life`. A failure is kept for a moment, and told anew after it."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, life: timedelta, clock: Clock) -> None:
        self._ask = ask
        self._life = life.total_seconds()
        self._clock = clock
        self._lock = asyncio.Lock()
        self._answer: T | None = None
        self._asked_at: float | None = None
        self._failure: AetherError | None = None

    async def value(self, *, newer_than: timedelta | None = None) -> T:
        """The answer, which is no older than its life, or than what is given. Raises what asking raised."""
        async with self._lock:
            age = None if self._asked_at is None else self._clock.monotonic() - self._asked_at
            if self._failure is not None and age is not None and age < _AFTER_FAILURE:
                raise self._failure.with_traceback(None)  # else it would grow with everybody who hears it
            limit = self._life if newer_than is None else newer_than.total_seconds()
            if self._answer is None or age is None or age >= limit:
                return await self._ask_anew()
            return self._answer

    async def _ask_anew(self) -> T:
        self._asked_at, self._answer, self._failure = self._clock.monotonic(), None, None
        try:
            answer = self._answer = await self._ask()
        except AetherError as failure:
            self._asked_at, self._failure = self._clock.monotonic(), failure
            raise
        return answer
