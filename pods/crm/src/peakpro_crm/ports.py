"""The doors through which time, ids and chance come in, and the machine's own behind them.

Stores and faults take these instead of calling the clock themselves, so that a test can hold them still.
"""

import random
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> UUID:
        """Return an id that was never returned before."""
        ...


class Chance(Protocol):
    """Throws dice."""

    def draw(self) -> float:
        """Return a number from 0 up to, not including, 1."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Random ids (version 4)."""

    def new(self) -> UUID:
        """Return a random id."""
        return uuid4()


class RandomChance:
    """The process's own generator; nothing secret hangs on it."""

    def draw(self) -> float:
        """Return a number from 0 up to, not including, 1."""
        return random.random()  # noqa: S311 - it decides which request a drill breaks, not a secret
