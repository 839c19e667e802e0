"""How much one assistant may ask: so many requests a minute, so many at once. In memory, and bounded."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from aetherlink.access.rate import Rate
from aetherlink.errors import ThrottledError
from aetherlink.mcp.options import McpOptions
from aetherlink.ports import Clock

_SOON = timedelta(seconds=1)


class CallLimits:
    """Counts requests by what `caller` names, a token say. Nobody waits here: who does not fit comes again."""

    def __init__(self, options: McpOptions, clock: Clock, told: Callable[[int], None]) -> None:
        self._options = options
        most = options.calls_per_minute
        self._rate = Rate(clock, per_minute=most, of_what=f"requests of this token (mcp.calls_per_minute: {most})")
        self._told = told
        self._of_each: Counter[str] = Counter()

    def take(self, caller: str) -> None:
        """One request of this caller. Raises ThrottledError where the minute's are used up."""
        self._rate.take(caller)

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
