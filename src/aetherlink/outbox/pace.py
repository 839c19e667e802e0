"""How fast a channel is told: a spacing between messages, a rest after what failed. In seconds of a steady clock."""

from collections.abc import Callable
from datetime import timedelta

_FIRST_REST = 1.0
_LONGEST_REST = 300.0
_LONGEST_OF_ALL = 30.0  # what fails may be one letter's fault: the others do not wait for long
_LONGEST_ASKED_FOR = 3600.0  # nobody outside can silence a channel for ever
_SPREAD = 0.3


def rest_after(attempts: int, jitter: Callable[[], float]) -> float:
    """How long to leave it alone after so many failures: twice as long each time, up to five minutes, spread a little.

    `jitter` gives numbers from 0 to 1.
    """
    rest = min(_FIRST_REST * 2.0 ** min(max(attempts - 1, 0), 20), _LONGEST_REST)
    return rest * (1.0 + _SPREAD * (jitter() - 0.5))


class Pace:
    """When one channel may be told the next thing."""

    def __init__(self, spacing: timedelta, jitter: Callable[[], float]) -> None:
        self._spacing = spacing.total_seconds()
        self._jitter = jitter
        self._free_at = float("-inf")
        self._failures = 0

    def waits(self, now: float) -> float:
        """For how many seconds nothing may be told; 0: now."""
        return max(self._free_at - now, 0.0)

    def spoke(self, now: float) -> None:
        """Something is being told."""
        self._free_at = now + self._spacing

    def succeeded(self) -> None:
        """It was heard."""
        self._failures = 0

    def failed(self, now: float, asked_for: float | None) -> None:
        """The channel does not work, whatever it is told; `asked_for` is the rest that the other side wants."""
        self._failures += 1
        rest = min(rest_after(self._failures, self._jitter), _LONGEST_OF_ALL)
        if asked_for is not None:
            rest = max(rest, min(asked_for, _LONGEST_ASKED_FOR))
        self._free_at = max(self._free_at, now + rest)
