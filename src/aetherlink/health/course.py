"""What is remembered of one score from check to check: how often it was low in a row, its trend, what was told of it.

No data and errors are neither good nor bad news: they leave the count and the trend as they are.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from aetherlink.health.answers import Score
from aetherlink.health.forecast import WINDOW, Point, forecast
from aetherlink.model.health import Forecast, HealthReading, HealthStatus, Part

LOW_IN_A_ROW = 2
_MOST_POINTS = 600


class Course:
    """One score over time. `is_calm` says whether the sink knows that all is well."""

    def __init__(self, tenant: str, threshold: float, *, vip: bool = False) -> None:
        self.tenant = tenant
        self.vip = vip
        self.is_calm = False
        self.latest: HealthReading | None = None
        self._threshold = threshold
        self._low = 0
        self._low_since: datetime | None = None
        self._points: deque[Point] = deque(maxlen=_MOST_POINTS)

    def take(self, score: Score, at: datetime, parts: Sequence[Part] = ()) -> HealthReading:
        """One check."""
        status = self._status(score)
        self._count(status, at)
        is_number = score.value is not None
        detail = f"below {self._threshold:g}" if status is HealthStatus.LOW else score.detail
        self.latest = HealthReading(
            at,
            status,
            score.value,
            self._low,
            detail,
            tenant=self.tenant,
            vip=self.vip,
            low_since=self._low_since,
            parts=tuple(parts) if is_number else (),
            forecast=self._foresee(at, score.value) if score.value is not None else None,
        )
        return self.latest

    def resume(self, readings: Sequence[HealthReading], *, counts_since: datetime) -> None:
        """Go on from stored readings, oldest first: the trend from all, the count if the last one is not older."""
        for reading in readings:
            if reading.score is not None:
                self._remember(reading.at, reading.score)
        last = readings[-1]
        if last.at >= counts_since:
            self._low, self._low_since = last.consecutive_low, last.low_since

    @property
    def is_low(self) -> bool:
        """Whether it has been low often enough to be told."""
        return self._low >= LOW_IN_A_ROW

    def _status(self, score: Score) -> HealthStatus:
        if score.value is None:
            return HealthStatus.ERROR if score.is_error else HealthStatus.NO_DATA
        return HealthStatus.LOW if score.value < self._threshold else HealthStatus.OK

    def _count(self, status: HealthStatus, at: datetime) -> None:
        if status is HealthStatus.LOW:
            self._low += 1
            self._low_since = self._low_since or at
        elif status is HealthStatus.OK:
            self._low, self._low_since = 0, None

    def _foresee(self, at: datetime, score: float) -> Forecast | None:
        self._remember(at, score)
        while self._points[0][0] < (at - WINDOW).timestamp():
            self._points.popleft()
        return forecast(self._points, self._threshold)

    def _remember(self, at: datetime, score: float) -> None:
        """A trend begins anew where the score comes back: what it did before it was low says nothing of what comes."""
        if self._points and self._points[-1][1] < self._threshold <= score:
            self._points.clear()
        self._points.append((at.timestamp(), score))


def longest_pause(interval: timedelta) -> timedelta:
    """For how long without an agent a count of low readings goes on: a few checks."""
    return 5 * interval
