"""The health score loop: asks the score, counts how often it is low in a row, and tells on the second time.

No data and errors are neither good nor bad news: they leave the count as it is, and are logged when they begin.
"""

import asyncio
import logging

from aetherlink.errors import AetherError, AnswerError
from aetherlink.health.metrics import HealthMetrics
from aetherlink.health.options import HealthOptions
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.queries import QueryAnswer
from aetherlink.ports import Clock, HealthSink, QueryClient

_LOW_IN_A_ROW = 2

_log = logging.getLogger("aetherlink.health")


class HealthLoop:
    """See ports.HealthView; `start` and `stop` bound its life."""

    def __init__(
        self, client: QueryClient, options: HealthOptions, *, clock: Clock, metrics: HealthMetrics, sink: HealthSink
    ) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._metrics = metrics
        self._sink = sink
        self._task: asyncio.Task[None] | None = None
        self._is_calm = False  # whether the sink knows that all is well
        self.latest: HealthReading | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or was switched off by its setting."""
        return not self._options.enabled or (self._task is not None and not self._task.done())

    def start(self) -> None:
        """Start checking, unless it is switched off."""
        if not self._options.enabled:
            _log.info("Health check loop is switched off (health.enabled)")
            return
        seconds = self._options.interval.total_seconds()
        _log.info("Starting health check background loop (%gs interval)", seconds)
        self._task = asyncio.create_task(self._run(seconds), name="health loop")

    async def stop(self) -> None:
        """Stop checking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> HealthReading:
        """One check: read, counted, logged, and told."""
        reading = await self._read()
        self._log(reading)
        self.latest = reading
        self._metrics.checked(reading)
        await self._tell(reading)
        return reading

    async def _run(self, seconds: float) -> None:
        if not self._options.check_at_start:
            await asyncio.sleep(seconds)
        while True:
            begun = self._clock.monotonic()
            try:
                await self.check()
            except Exception:  # noqa: BLE001 - the named boundary of the loop: a fault of one check ends no other
                _log.exception("a health check failed")
            await asyncio.sleep(max(0.0, seconds - (self._clock.monotonic() - begun)))

    async def _read(self) -> HealthReading:
        before = self.latest.consecutive_low if self.latest else 0
        try:
            answer = await self._client.instant(self._options.query)
            score = self._score(answer)
        except AetherError as problem:
            return HealthReading(self._clock.now(), HealthStatus.ERROR, None, before, str(problem))
        now = self._clock.now()
        if score is None:
            detail = f"`{self._options.query}` gave no number: no traffic yet, or the rules are not loaded"
            return HealthReading(now, HealthStatus.NO_DATA, None, before, detail)
        if score < self._options.threshold:
            return HealthReading(now, HealthStatus.LOW, score, before + 1, f"below {self._options.threshold:g}")
        return HealthReading(now, HealthStatus.OK, score)

    def _score(self, answer: QueryAnswer) -> float | None:
        """The one number between 0 and 100; None where there is none. Raises AnswerError for anything else."""
        query = self._options.query
        if answer.kind == "vector" and len(answer.result) > 1:
            raise AnswerError(
                f"`{query}` gave {len(answer.result)} samples where one score belongs: aggregate it, "
                f"for instance min({query}), in health.query"
            )
        if answer.kind not in ("vector", "scalar"):
            raise AnswerError(f"`{query}` gave a {answer.kind} where one score belongs: change health.query")
        if answer.value is not None and not 0 <= answer.value <= 100:
            raise AnswerError(f"`{query}` gave {answer.value:g}, which is no score from 0 to 100: change health.query")
        return answer.value

    def _log(self, reading: HealthReading) -> None:
        if reading.score is not None:
            _log.info("Health score: %.2f", reading.score)
            if reading.consecutive_low >= _LOW_IN_A_ROW:
                _log.warning("Health score is low %d times in a row: %.2f", reading.consecutive_low, reading.score)
        elif self.latest is None or self.latest.status is not reading.status:
            _log.warning("Health score unknown (%s): %s", reading.status, reading.detail)

    async def _tell(self, reading: HealthReading) -> None:
        """The store may be away: then nobody was told, and the next check tells again."""
        try:
            if reading.status is HealthStatus.LOW and reading.consecutive_low >= _LOW_IN_A_ROW:
                self._is_calm = False
                await self._sink.low(reading)
            elif reading.status is HealthStatus.OK and not self._is_calm:
                await self._sink.recovered(reading)
                self._is_calm = True
        except AetherError as problem:
            _log.error("the health score could not be recorded: %s", problem)
