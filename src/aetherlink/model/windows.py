"""Freeze windows: times at which nothing is changed, by the week or once. Pure.

A window of the week is told by the clock on the wall of its zone. Where that clock is changed, the window is as long as
it can be: a beginning or an end that comes twice, or never, counts for more time rather than for less.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aetherlink.model.pauses import EVERYTHING, covers

EVERY_DAY = frozenset(range(7))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """From `begins` on each of these days (0: Monday) to `ends`, on the day after when that is not later."""

    name: str
    days: frozenset[int]
    begins: time
    ends: time
    zone: ZoneInfo
    scope: str = EVERYTHING

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return any(start <= now < end for start, end in self._around(now))

    @property
    def words(self) -> str:
        """When it is in force, for people."""
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} {self.zone.key}"

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Those that may hold now: of today there, and of the days beside it."""
        today = now.astimezone(self.zone).date().toordinal()
        for number in (today - 1, today, today + 1):
            if not date.min.toordinal() <= number < date.max.toordinal():
                continue
            day = date.fromordinal(number)
            if day.weekday() in self.days:
                last = day if self.begins < self.ends else day + _DAY
                yield min(self._instants(day, self.begins)), max(self._instants(last, self.ends))

    def _instants(self, day: date, at: time) -> list[datetime]:
        """When the clock shows this: twice where it is set back, in both readings where the time is left out."""
        return [datetime.combine(day, at.replace(fold=fold), tzinfo=self.zone).astimezone(UTC) for fold in (0, 1)]


@dataclass(frozen=True, slots=True)
class SingleWindow:
    """From one instant to another, once."""

    name: str
    start: datetime
    end: datetime
    scope: str = EVERYTHING

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.start <= now < self.end

    @property
    def words(self) -> str:
        """When it is in force, for people."""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


Window = WeeklyWindow | SingleWindow


def in_force(windows: Iterable[Window], now: datetime, scopes: frozenset[str]) -> str | None:
    """The first window that forbids changes to what these scopes describe, in words; None: none does."""
    return next((_words(window) for window in windows if covers(window.scope, scopes) and window.holds(now)), None)


def all_in_force(windows: Iterable[Window], now: datetime) -> list[str]:
    """Every window that forbids changes to anything now, in words."""
    return [_words(window) for window in windows if window.holds(now)]


def _words(window: Window) -> str:
    what = "" if window.scope == EVERYTHING else f" of {window.scope}"
    return f"freeze window {window.name}{what}: {window.words}"
