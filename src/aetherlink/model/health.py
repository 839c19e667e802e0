"""The health score as it was read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HealthStatus(StrEnum):
    """Three-valued and honest: a score (ok or low), no data, or no answer at all."""

    OK = "ok"
    LOW = "low"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class HealthReading:
    """One check: the score (0 to 100) or None, how it counts, and why it is None."""

    at: datetime
    status: HealthStatus
    score: float | None
    consecutive_low: int = 0
    detail: str = ""
