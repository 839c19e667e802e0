"""The health score loop: asks the scores, counts how often each is low in a row, and tells on the second time.

No data and errors are neither good nor bad news: they leave the count as it is, and are logged when they begin.
"""

import logging
from datetime import timedelta

from aetherlink.errors import AetherError
from aetherlink.health.course import Course, longest_pause
from aetherlink.health.history import History
from aetherlink.health.metrics import HealthMetrics
from aetherlink.health.options import HealthOptions
from aetherlink.health.roll import Roll
from aetherlink.health.sayings import Sayings
from aetherlink.health.survey import Surveyor
from aetherlink.lib.periodic import Periodic
from aetherlink.model.health import WHOLE, HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.ports import Clock, HealthSink, QueryClient, Store, TenantNames

_log = logging.getLogger("aetherlink.health")


class HealthLoop:
    """See ports.HealthView; `start` and `stop` bound its life. `source` is the one that the client asks."""

    def __init__(
        self,
        client: QueryClient,
        options: HealthOptions,
        *,
        source: SourceName,
        store: Store,
        names: TenantNames,
        clock: Clock,
        metrics: HealthMetrics,
        sink: HealthSink,
    ) -> None:
        self._surveyor = Surveyor(client, options, names)
        self._history = History(store, source, options)
        self._options = options
        self._clock = clock
        self._metrics = metrics
        self._sink = sink
        self._loop = Periodic("health loop", self._look, every=options.interval, log=_log)
        self._is_restored = False
        self._whole = Course(WHOLE, options.threshold)
        self._roll = Roll(options.most_tenants, options.threshold, names.is_vip)
        self._sayings = Sayings(options.most_tenants)

    @property
    def latest(self) -> HealthReading | None:
        """The last reading of the score of all tenants together."""
        return self._whole.latest

    @property
    def present(self) -> tuple[HealthReading, ...]:
        """The last readings: of all together, then of each tenant, VIPs first."""
        return tuple(course.latest for course in self._courses if course.latest is not None)

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or was switched off by its setting."""
        return not self._options.enabled or self._loop.is_alive

    def start(self) -> None:
        """Start checking, unless it is switched off."""
        if not self._options.enabled:
            _log.info("Health check loop is switched off (health.enabled)")
            return
        seconds = self._options.interval.total_seconds()
        _log.info("Starting health check background loop (%gs interval)", seconds)
        self._loop.start()

    async def stop(self) -> None:
        """Stop checking."""
        await self._loop.stop()

    async def restore(self) -> None:
        """Go on where the last run ended: counts, if it ended a moment ago, and trends."""
        now = self._clock.now()
        longest = longest_pause(self._options.interval)
        stored = await self._history.load(at=now, longest=longest)
        self._roll.call(stored.keys() - {WHOLE}, now)
        for course in self._courses:
            if course.tenant in stored:
                course.resume(stored[course.tenant], counts_since=now - longest)

    async def check(self) -> HealthReading:
        """One check of every score: read, counted, logged, stored, and told. Answers with that of all together."""
        sight = await self._surveyor.look()
        now = self._clock.now()
        for tenant in self._roll.call(sight.tenants, now):
            self._metrics.forget(tenant)
        whole = self._whole.take(sight.whole, now, sight.parts.of(WHOLE))
        for course in self._roll.courses:
            course.take(sight.of(course.tenant), now, sight.parts.of(course.tenant))
        self._sayings.say(self.present, blind=sight.blind, left_out=self._roll.left_out)
        self._metrics.checked(whole)
        self._metrics.read(self.present, left_out=self._roll.left_out)
        await self._history.keep(self.present, at=now)
        for course in self._courses:
            await self._tell(course)
        return whole

    @property
    def _courses(self) -> tuple[Course, ...]:
        return (self._whole, *self._roll.courses)

    async def _look(self) -> timedelta | None:
        """One check, and what is left of the interval after it; perhaps none at the start."""
        if not self._is_restored:
            await self.restore()
            self._is_restored = True
            if not self._options.check_at_start:
                return None
        begun = self._clock.monotonic()
        await self.check()
        return max(timedelta(0), self._options.interval - timedelta(seconds=self._clock.monotonic() - begun))

    async def _tell(self, course: Course) -> None:
        """The store may be away: then nobody was told, and the next check tells again."""
        reading = course.latest
        if reading is None:
            return
        try:
            if reading.status is HealthStatus.LOW and course.is_low:
                course.is_calm = False
                await self._sink.low(reading)
            elif reading.status is HealthStatus.OK and not course.is_calm:
                await self._sink.recovered(reading)
                course.is_calm = True
        except AetherError as problem:
            _log.error("the health score%s could not be recorded: %s", reading.of, problem)
