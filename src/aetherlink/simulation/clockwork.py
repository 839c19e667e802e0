"""Time that moves when it is told to, and an event loop that stands still where nothing is left to do by then."""

import asyncio
import math
import selectors
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_MICROS = 1_000_000


class SimulatedClock:
    """See ports.Clock. Counts in whole microseconds, as the rows do."""

    def __init__(self) -> None:
        self._passed = 0
        self._now = START

    def now(self) -> datetime:
        """The moved time."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._passed / _MICROS

    def move(self, seconds: float) -> None:
        """Let time pass, a microsecond at least: what was to happen within it has then happened."""
        self._passed += max(1, math.ceil(seconds * _MICROS))
        self._now = START + timedelta(microseconds=self._passed)


class _Standstill(selectors.SelectSelector):
    """Waits for nothing. Says when there would be something to wait for, and for how long."""

    on_idle: Callable[[], None]
    wait: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.wait = timeout
        if timeout is None or timeout > 0:
            self.on_idle()
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on this clock. It does not wait: it stops, and goes on once time was moved."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._simulated = clock
        self._standstill = _Standstill()
        self._standstill.on_idle = self.stop
        super().__init__(self._standstill)

    def time(self) -> float:
        """The clock's."""
        return self._simulated.monotonic()

    def run_until_idle(self) -> float | None:
        """Do everything that can be done at this instant. How many seconds later its next timer is due, if any."""
        self.run_forever()
        return self._standstill.wait


class CountedIds:
    """See ports.Ids: ids that sort in the order in which they were made. They go on after a restart."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}-{self._count:08d}"

    def secret(self) -> str:
        """See ports.Ids; of an id that is there, so that nothing else is numbered otherwise."""
        return f"{self._count:032x}"
