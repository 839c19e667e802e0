"""The health score as it was read: of all tenants together, or of one of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WHOLE = ""
"""In the place of a tenant's name: the score of all tenants together."""

_HARMLESS = 0.995  # a part that is shown as 1.00 pulls nothing down


class HealthStatus(StrEnum):
    """Three-valued and honest: a score (ok or low), no data, or no answer at all."""

    OK = "ok"
    LOW = "low"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the score: 1 when it is all well, 0 when nothing of it is left."""

    name: str
    value: float

    def __str__(self) -> str:
        return f"{self.name} ({self.value:.2f})"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the score falls under its threshold if it goes on as it does, counted from the reading.

    `earliest` and `latest` bound it. Where `latest` is None it may come later than can be told; where `likely` is None,
    too, the readings scatter so much that it may as well never come. `slope` is in points an hour.
    """

    slope: float
    earliest: timedelta
    likely: timedelta | None = None
    latest: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HealthReading:
    """One check of one score: the score (0 to 100) or None, how it counts, and why it is None.

    `low_since` is when the present row of low readings began; readings without a score neither end nor extend it.
    """

    at: datetime
    status: HealthStatus
    score: float | None
    consecutive_low: int = 0
    detail: str = ""
    tenant: str = WHOLE
    vip: bool = False
    low_since: datetime | None = None
    parts: tuple[Part, ...] = ()
    forecast: Forecast | None = None

    @property
    def of(self) -> str:
        """Whose score it is, to go behind `health score`: empty for all tenants together."""
        return f" of {self.tenant}" if self.tenant else ""

    @property
    def pulled_down(self) -> str:
        """The parts that pull it down in words, to go behind the score; empty when none is known."""
        named = [str(part) for part in worst_first(self.parts) if part.value < _HARMLESS]
        return f", pulled down by {' and '.join(named)}" if named else ""


def worst_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts by how much each one takes away, the most first."""
    return tuple(sorted(parts, key=lambda part: (part.value, part.name)))
