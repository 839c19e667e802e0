"""Time comes in through this door; no other module reads a clock.

Wall time (`now`) is for records that people read; `monotonic` is for durations inside one process.
"""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed instant; never goes back."""
        return time.monotonic()
