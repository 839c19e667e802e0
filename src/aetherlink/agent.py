"""One agent: its rooms started in their order, and stopped in the opposite one."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from aetherlink.front import Front
from aetherlink.house import House
from aetherlink.ports import Clock
from aetherlink.settings import Settings

GRACE = timedelta(seconds=10)  # for what runs when the end is asked for

_log = logging.getLogger("aetherlink.app")


class _Room(Protocol):
    """What is started at once, and stopped before what was started earlier."""

    def start(self) -> None: ...
    async def stop(self) -> None: ...


class Agent:
    """Makes everything and starts nothing; `start` and `stop` bound its life. Raises SettingsError.

    `clock` is the machine's own where none is given.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._house = House(settings, clock=clock)
        self._cleanups: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        front = Front(self._house)
        self.asgi = front.asgi
        self.feed = front.feed
        self.registry = self._house.registry
        self.store = self._house.store

    async def start(self) -> None:
        """Start every room; what was started is stopped again when a later one fails."""
        try:
            await self._start_rooms()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop what was started, the last first; each failure is logged by name and stops no other."""
        while self._cleanups:
            name, close = self._cleanups.pop()
            try:
                await close()
            except Exception:  # noqa: BLE001 - the named boundary of a shutdown: the rooms below have to be closed too
                _log.exception("stopping %s failed", name)

    async def _start_rooms(self) -> None:
        for prometheus in (*self._house.prometheus.values(), *self._house.asked_by_others.values()):
            self._cleanups.append((f"client of {prometheus.address}", prometheus.aclose))
        for alertmanager in itertools.chain.from_iterable(self._house.alertmanagers.values()):
            self._cleanups.append((f"client of {alertmanager.address}", alertmanager.aclose))
        for name, opened in self._house.executors.items():
            self._cleanups.append((f"executor {name}", opened.aclose))
        if self._house.finder is not None:
            self._cleanups.append((f"finder of {self._house.finder.finder.executor}", self._house.finder.aclose))
        await asyncio.to_thread(self.store.open)
        self._cleanups.append(("store", lambda: asyncio.to_thread(self.store.close)))
        await self._house.voice.begin()
        await self._house.anchoring.start()
        self._cleanups.append(("anchors", self._house.anchoring.stop))
        await self._house.tokens.reload()
        await self._house.sessions.reload()
        self._house.last_use.start()
        self._cleanups.append(("last uses", self._house.last_use.stop))
        await self._house.reception.start()
        self._cleanups.append(("reception", self._house.reception.flush))
        await self._house.silences.load()
        await self._house.heartbeats.start()
        self._cleanups.append(("heartbeats", self._house.heartbeats.stop))
        self._house.silences.start()
        self._cleanups.append(("silences", self._house.silences.stop))
        self._house.voice.start()
        self._cleanups.append(("voice", self._house.voice.stop))
        self._house.runner.start()
        self._cleanups.append(("pipeline", lambda: self._house.runner.stop(grace=GRACE)))
        if self._house.ears is not None:
            self._house.ears.start()
            self._cleanups.append(("ears in Slack", self._house.ears.stop))
        for name, room in self._watches().items():
            room.start()
            self._cleanups.append((name, room.stop))

    def _watches(self) -> dict[str, _Room]:
        """What looks at something from time to time, in the order in which it is started."""
        return {
            "feed": self.feed,
            "health loop": self._house.health,
            "retention": self._house.retention,
            "watch over large webhooks": self._house.oversized,
            "watch over the disk": self._house.free_space,
            "source watch": self._house.sources,
            "watch over the playbooks": self._house.reload,
            **self._house.following,
            "watch over the agent": self._house.vigil,
            **{f"reconciliation of {source}": each for source, each in self._house.reconcilers.items()},
        }
