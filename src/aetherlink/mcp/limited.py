"""The tools of the one assistant on standard input: as much as a token may ask at /mcp by default, and no more."""

from collections.abc import Mapping

from aetherlink.errors import ThrottledError
from aetherlink.mcp.limits import CallLimits
from aetherlink.mcp.options import McpOptions
from aetherlink.mcp.translating import Api, Result, Translator, refused
from aetherlink.model.principals import Scope
from aetherlink.ports import Clock

_LIMITS = McpOptions()  # the settings are the agent's, which may be on another machine
_ITS_CALLER = "standard input"


class LimitedTranslator(Translator):
    """A translator that says when to come again where it is asked too much."""

    def __init__(self, api: Api, scopes: frozenset[Scope], clock: Clock) -> None:
        super().__init__(api, scopes)
        self._limits = CallLimits(_LIMITS, clock, _tell_nobody)

    async def call(self, name: str, given: Mapping[str, object]) -> Result:
        """See Translator."""
        try:
            self._limits.take(_ITS_CALLER)
            with self._limits.through(_ITS_CALLER):
                return await super().call(name, given)
        except ThrottledError as many:
            most = f"{_LIMITS.calls_per_minute} a minute and {_LIMITS.at_once_each} at once are answered"
            return refused(f"too many calls: {most}; try again in {many.wait.total_seconds():.0f} seconds")


def _tell_nobody(_at_once: int) -> None:
    """Nobody asks this process for metrics."""
