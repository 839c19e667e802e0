"""Listens for the alert that always fires: when it stops, monitoring of its source is blind, and the agent says so.

Only a source that was heard once can fall silent. Silence is a heartbeat that ended, two lists in a row without it, or
nothing at all for too long: no webhook, no list, an Alertmanager that cannot be reached.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.health.heartbeat_options import HeartbeatOptions
from aetherlink.health.metrics import HeartbeatMetrics
from aetherlink.lib.periodic import Periodic
from aetherlink.model.alerts import Suppression
from aetherlink.model.ids import SourceName
from aetherlink.ports import BlindSink, Clock, Standings

_LONGEST_PAUSE = timedelta(seconds=1)
_MISSES = 2

_log = logging.getLogger("aetherlink.health")


@dataclass(slots=True)
class _Pulse:
    """One source's. `last` is None while there is no heartbeat that could be missed."""

    last: float | None = None
    heard_at: datetime | None = None
    misses: int = 0
    has_ended: bool = False
    is_blind: bool = False
    is_told: bool = True


class Heartbeats:
    """See ports.HeartbeatEar; `start` and `stop` bound its life."""

    def __init__(
        self,
        sources: Iterable[SourceName],
        options: HeartbeatOptions,
        *,
        clock: Clock,
        standings: Standings,
        sink: BlindSink,
        metrics: HeartbeatMetrics,
    ) -> None:
        self._pulses = {source: _Pulse() for source in sources}
        self._timeout = options.timeout.total_seconds()
        self._clock = clock
        self._standings = standings
        self._sink = sink
        self._metrics = metrics
        pause = min(_LONGEST_PAUSE, options.timeout / 4)
        self._loop = Periodic("heartbeats", self.check, every=pause, log=_log, at_once=False)

    @property
    def is_alive(self) -> bool:
        """Whether it listens."""
        return self._loop.is_alive

    @property
    def blind_sources(self) -> frozenset[SourceName]:
        """The sources whose silence says nothing now."""
        return frozenset(source for source, pulse in self._pulses.items() if pulse.is_blind)

    def heard(self, source: SourceName, at: datetime) -> None:
        """See ports.HeartbeatEar."""
        if pulse := self._pulses.get(source):
            pulse.last, pulse.heard_at, pulse.misses, pulse.has_ended = self._clock.monotonic(), at, 0, False

    def stopped(self, source: SourceName) -> None:
        """See ports.HeartbeatEar."""
        if pulse := self._pulses.get(source):
            pulse.has_ended = True

    def missed(self, source: SourceName) -> None:
        """See ports.HeartbeatEar."""
        if pulse := self._pulses.get(source):
            pulse.misses += 1

    async def start(self) -> None:
        """Take up what was known before the start, then look at every pulse again and again. Raises StoreError."""
        for source, pulse in self._pulses.items():
            await self._take_up(source, pulse)
        self._loop.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._loop.stop()

    async def check(self) -> None:
        """Look at every pulse once; what could not be recorded is recorded at the next look."""
        for source, pulse in self._pulses.items():
            why = self._silence(pulse)
            if bool(why) is not pulse.is_blind:
                self._turn(source, pulse, why)
            if not pulse.is_told:
                await self._tell(source, pulse, why)

    async def _take_up(self, source: SourceName, pulse: _Pulse) -> None:
        """A heartbeat that stood before the start is missed from now on; a blind source stays so until it is heard."""
        standing = self._standings.firing(source).values()
        pulse.is_blind = pulse.has_ended = await self._sink.is_blind(source)
        if pulse.is_blind or any(each.suppressed is Suppression.HEARTBEAT for each in standing):
            pulse.last = self._clock.monotonic()
        self._metrics.blind(source, is_blind=pulse.is_blind)

    def _silence(self, pulse: _Pulse) -> str:
        """What is wrong with the pulse; empty when nothing is."""
        if pulse.last is None:
            return ""
        last = f", last heard at {pulse.heard_at:%Y-%m-%d %H:%M:%S} UTC" if pulse.heard_at else ""
        if pulse.has_ended:
            return f"its heartbeat ended{last}"
        if pulse.misses >= _MISSES:
            return f"{pulse.misses} lists of its alerts in a row are without the heartbeat{last}"
        if self._clock.monotonic() - pulse.last > self._timeout:
            return f"its heartbeat was not heard for {self._timeout:g} s{last}"
        return ""

    def _turn(self, source: SourceName, pulse: _Pulse, why: str) -> None:
        pulse.is_blind, pulse.is_told = bool(why), False
        self._metrics.blind(source, is_blind=pulse.is_blind)
        if why:
            _log.error("monitoring of source %s is blind: %s", source, why)
        else:
            _log.info("monitoring of source %s is not blind any more: its heartbeat is heard", source)

    async def _tell(self, source: SourceName, pulse: _Pulse, why: str) -> None:
        try:
            if why:
                await self._sink.blind(source, self._clock.now(), why)
            else:
                await self._sink.sighted(source, self._clock.now())
        except AetherError as problem:
            _log.error("whether source %s is blind could not be recorded: %s", source, problem)
        else:
            pulse.is_told = True
