"""Follows Docker's events while the agent runs, so that it is known who ended a container after Docker forgot it.

It only adds to what is known. Whatever becomes of the stream, a look at a target waits for nothing here; without it
Docker's last 256 events tell, and in doubt a container counts as stopped.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from aetherlink.clients.docker_events import DockerEvents
from aetherlink.errors import AetherError, RejectedError
from aetherlink.executors.docker_ends import Ends
from aetherlink.lib.periodic import Periodic

_BREATH = timedelta(seconds=1)  # between two streams, when all is well
_LONGEST_PAUSE = timedelta(seconds=60)
_AFTER_A_NO = timedelta(minutes=10)
_STEADY = timedelta(seconds=10)  # a stream that lasted so long was a good one
_STOP_FOLLOWS = timedelta(seconds=5)  # within which the daemon tells that an end was asked for, busy as it may be
_SETTLES_EVERY = timedelta(seconds=1)
_MOST_DOUBLINGS = 16

_log = logging.getLogger("aetherlink.executors.docker")


class Following:
    """Tells `ends` what it hears; `says` whether it is hearing. `start` and `stop` bound its life."""

    def __init__(self, events: DockerEvents, ends: Ends, says: Callable[[bool], None]) -> None:
        self._events = events
        self._ends = ends
        self._says = says
        self._last: datetime | None = None
        self._opened: float | None = None
        self._failures = 0
        self._problem = ""
        self._rounds = (
            Periodic("following Docker's events", self._follow, every=_LONGEST_PAUSE, log=_log),
            Periodic("asking how containers ended", self._settle, every=_SETTLES_EVERY, log=_log),
        )

    def start(self) -> None:
        """Begin with what Docker remembers."""
        self._says(False)
        for each in self._rounds:
            each.start()

    async def stop(self) -> None:
        """Hear no more."""
        for each in self._rounds:
            await each.stop()
        self._says(False)

    async def _follow(self) -> timedelta:
        """One stream, to its end; the pause before the next."""
        self._opened, problem, is_no = None, "", False
        try:
            await self._hear()
        except AetherError as trouble:
            problem, is_no = str(trouble), isinstance(trouble, RejectedError)
        if self._lasted >= _STEADY:
            self._well()
            return _BREATH
        self._ill(problem or f"the stream ended after {self._lasted.total_seconds():.1f} s")
        return _AFTER_A_NO if is_no else min(_BREATH * 2 ** min(self._failures, _MOST_DOUBLINGS), _LONGEST_PAUSE)

    @property
    def _lasted(self) -> timedelta:
        """How long the daemon has listened."""
        now = asyncio.get_running_loop().time()
        return timedelta(seconds=0 if self._opened is None else now - self._opened)

    async def _hear(self) -> None:
        async with self._events.followed(self._last) as happenings:
            self._opened = asyncio.get_running_loop().time()
            self._says(True)
            async for one in happenings:
                self._ends.hear(one)
                self._last = one.at

    def _well(self) -> None:
        self._failures = 0
        if self._problem:
            self._problem = ""
            _log.info("Docker's events are followed again")

    def _ill(self, problem: str) -> None:
        """Said once, until it is well again: who closes at once does so again and again."""
        self._failures += 1
        self._says(False)
        if not self._problem:
            self._problem = problem
            _log.warning(
                "Docker's events are not followed: %s. Of a container that ends, only Docker's last 256 events tell "
                "whether somebody stopped it; in doubt it counts as stopped and is left alone",
                problem,
            )

    async def _settle(self) -> None:
        """Ask what followed the ends that were heard, while Docker still knows."""
        asked = dict(self._ends.open)
        if not asked:
            return
        try:
            told = await self._events.between(min(asked.values()), max(asked.values()) + _STOP_FOLLOWS)
        except AetherError as problem:
            _log.debug("how containers ended could not be asked: %s", problem)
            self._ends.unanswered(asked)
        else:
            self._ends.followed_by(asked, told)
