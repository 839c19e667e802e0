"""A warning that strangers can cause as often as they like, in the log once a minute at most."""

import logging

_PAUSE = 60.0  # seconds


class Seldom:
    """What was not written is counted in the next line."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._written_at: float | None = None
        self._unwritten = 0

    def warn(self, text: str, now: float) -> None:
        """Write it, or count it. `now`: seconds of a clock that never goes back."""
        if self._written_at is not None and now - self._written_at < _PAUSE:
            self._unwritten += 1
            return
        more = f" (and {self._unwritten} more since the last such line)" if self._unwritten else ""
        self._log.warning("%s%s", text, more)
        self._written_at, self._unwritten = now, 0
