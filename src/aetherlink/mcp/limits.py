"""How much one token may ask over HTTP: so many requests a minute, so many at once. In memory, and bounded."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from aetherlink.errors import ThrottledError
from aetherlink.mcp.options import McpOptions
from aetherlink.ports import Clock

_MINUTE = 60.0
_SOON = timedelta(seconds=1)
_MANY = 100  # tokens: beyond these the ones that rest are forgotten


class CallLimits:
    """Counts requests by what `caller` names, a token say. Nobody waits here: who does not fit comes again."""

    def __init__(self, options: McpOptions, clock: Clock, told: Callable[[int], None]) -> None:
        self._options = options
        self._clock = clock
        self._told = told
        self._left: dict[str, tuple[float, float]] = {}  # requests that are left, and when that was so
        self._of_each: Counter[str] = Counter()

    def take(self, caller: str) -> None:
        """One request of this caller. Raises ThrottledError where the minute's are used up."""
        now, most = self._clock.monotonic(), self._options.calls_per_minute
        self._forget(now)
        left, at = self._left.get(caller, (float(most), now))
        left = min(float(most), left + (now - at) * most / _MINUTE)
        if left < 1:
            wait = timedelta(seconds=max(1.0, -(-(1 - left) * _MINUTE // most)))
            raise ThrottledError(wait, f"requests of this token (mcp.calls_per_minute: {most})")
        self._left[caller] = (left - 1, now)

    @contextmanager
    def through(self, caller: str) -> Iterator[None]:
        """While one request of this caller is served. Raises ThrottledError where too many are."""
        if self._of_each.total() >= self._options.at_once:
            raise ThrottledError(_SOON, f"requests of assistants at once (mcp.at_once: {self._options.at_once})")
        if self._of_each[caller] >= self._options.at_once_each:
            most = self._options.at_once_each
            raise ThrottledError(_SOON, f"requests of this token at once (mcp.at_once_each: {most})")
        self._of_each[caller] += 1
        self._told(self._of_each.total())
        try:
            yield
        finally:
            self._of_each[caller] -= 1
            self._of_each += Counter()  # drops those at zero
            self._told(self._of_each.total())

    def _forget(self, now: float) -> None:
        """Who has asked nothing for a minute has all of its requests again."""
        if len(self._left) > _MANY:
            self._left = {caller: held for caller, held in self._left.items() if now - held[1] < _MINUTE}
