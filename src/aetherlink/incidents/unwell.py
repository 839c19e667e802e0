"""An agent that is not well itself is an incident: one for each part, told like all others as far as that goes."""

from collections.abc import Mapping
from datetime import datetime

from aetherlink.incidents.condition import Condition, Conditions, seen_by_itself
from aetherlink.incidents.identity import Kind
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Severity

_TITLES: Mapping[str, str] = {
    "rooms": "a part of the agent does not run",
    "store": "the agent's store does not answer",
    "pipeline": "the agent does not come to its incidents",
    "channels": "the agent cannot tell everybody",
}


class Unwell:
    """See ports.UnwellSink. `source` is the one that the agent's own incidents are filed under."""

    def __init__(self, conditions: Conditions, source: SourceName) -> None:
        self._conditions = conditions
        self._source = source

    async def unwell(self, part: str, text: str, *, at: datetime) -> None:
        """Open the incident, once."""
        await self._conditions.begin(self._condition(part), text, {"part": part}, at=at)

    async def well(self, part: str, *, at: datetime) -> None:
        """Close the incident, if there is one."""
        await self._conditions.end(self._condition(part), "it is well again", {"part": part}, at=at)

    def _condition(self, part: str) -> Condition:
        return seen_by_itself(Kind.UNWELL, self._source, _TITLES[part], severity=Severity.CRITICAL, what=part)
