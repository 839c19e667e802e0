"""How much one assistant may ask: so many requests a minute, so many at once. In memory, and bounded."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from aetherlink.access.rate import Rate
from aetherlink.access.turnstile import Turnstile
from aetherlink.errors import ThrottledError
from aetherlink.mcp.options import McpOptions
from aetherlink.ports import Clock

_SOON = timedelta(seconds=1)


class CallLimits:
    """Counts requests by what `caller` names, a token say. Nobody waits here: who does not fit comes again."""

    def __init__(self, options: McpOptions, clock: Clock, told: Callable[[int], None]) -> None:
        most = options.calls_per_minute
        self._rate = Rate(clock, per_minute=most, of_what=f"requests of this token (mcp.calls_per_minute: {most})")
        self._turnstile = _turnstile(options, told)

    def take(self, caller: str) -> None:
        """One request of this caller. Raises ThrottledError where the minute's are used up."""
        self._rate.take(caller)

    def through(self, caller: str) -> AbstractContextManager[None]:
        """While one request of this caller is served. Raises ThrottledError where too many are."""
        return self._turnstile.through(caller)


def _turnstile(options: McpOptions, told: Callable[[int], None]) -> Turnstile:
    most, most_each = options.at_once, options.at_once_each

    def full() -> ThrottledError:
        return ThrottledError(_SOON, f"requests of assistants at once (mcp.at_once: {most})")

    def full_each() -> ThrottledError:
        return ThrottledError(_SOON, f"requests of this token at once (mcp.at_once_each: {most_each})")

    return Turnstile(most=most, most_each=most_each, full=full, full_each=full_each, told=told)
