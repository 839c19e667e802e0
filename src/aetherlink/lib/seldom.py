"""A warning that strangers can cause as often as they like, in the log once a minute at most."""

import logging
from collections.abc import Callable

_PAUSE = 60.0  # seconds


class Seldom:
    """`monotonic` tells seconds. What was not written is counted in the next line."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._written_at: float | None = None
        self._unwritten = 0

    def warn(self, text: str) -> None:
        """Write it, or count it."""
        now = self._monotonic()
        if self._written_at is not None and now - self._written_at < _PAUSE:
            self._unwritten += 1
            return
        more = f" (and {self._unwritten} more since the last such line)" if self._unwritten else ""
        self._log.warning("%s%s", text, more)
        self._written_at, self._unwritten = now, 0
