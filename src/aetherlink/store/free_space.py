"""Watches the room on the disk of data_dir: it says so while there is still room to say it in."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from aetherlink.errors import AetherError
from aetherlink.lib.periodic import Periodic
from aetherlink.ports import Clock, DiskSink

_log = logging.getLogger("aetherlink.store")

_INTERVAL = timedelta(seconds=30)
_ENOUGH = 1.1  # times the bound: an alarm does not end and begin again with every commit


def free_bytes(folder: Path) -> int:
    """How much this user may still write there. Raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class FreeSpaceMetrics:
    """How much room there is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._free = Gauge(
            "aether_agent_data_dir_free_bytes", "What may still be written to the disk of data_dir.", registry=registry
        )

    def seen(self, free: int) -> None:
        """Set it."""
        self._free.set(free)


class FreeSpace:
    """Looks every half minute; `start` and `stop` bound its life. `measure` is free_bytes but in tests."""

    def __init__(
        self,
        folder: Path,
        low_bytes: int,
        *,
        sink: DiskSink,
        clock: Clock,
        metrics: FreeSpaceMetrics,
        measure: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = folder
        self._low_bytes = low_bytes
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._measure = measure
        self._is_low: bool | None = None  # None: nobody was told yet
        self._loop = Periodic("free space", self.check, every=_INTERVAL, log=_log)

    def start(self) -> None:
        """Look at once, then from time to time."""
        self._loop.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._loop.stop()

    async def check(self) -> None:
        """Look once. While it is low that is logged each time, for the log may be all that can still be written."""
        try:
            free = await asyncio.to_thread(self._measure, self._folder)
        except OSError as problem:
            _log.error("the free space of %s cannot be told: %s", self._folder, problem.strerror or problem)
            return
        self._metrics.seen(free)
        bound = self._low_bytes * (_ENOUGH if self._is_low else 1)
        is_low = free < bound
        if is_low:
            _log.error("The disk of data_dir %s is nearly full: %d MiB are left", self._folder, free >> 20)
        if is_low != self._is_low and await self._told(free, is_low=is_low):
            self._is_low = is_low

    async def _told(self, free: int, *, is_low: bool) -> bool:
        """Whether it was recorded: a full disk takes no incident either, and then the next look tries again."""
        tell = self._sink.low if is_low else self._sink.recovered
        try:
            await tell(free, at=self._clock.now())
        except AetherError as problem:
            _log.error("the room on the disk could not be recorded: %s", problem)
            return False
        return True
