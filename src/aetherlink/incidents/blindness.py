"""A source whose heartbeat stopped is an incident: whatever breaks there now, nobody would hear of it."""

from datetime import datetime

from aetherlink.incidents.condition import Condition, Conditions, seen_by_itself
from aetherlink.incidents.identity import Kind
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Severity


class Blindness:
    """See ports.BlindSink."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    async def blind(self, source: SourceName, at: datetime, why: str) -> None:
        """Open the incident, once."""
        condition = _condition(source)
        await self._conditions.begin(condition, f"{condition.title}: {why}", {"source": source}, at=at)

    async def sighted(self, source: SourceName, at: datetime) -> None:
        """Close the incident, if there is one."""
        text = f"the heartbeat of source {source} is heard again"
        await self._conditions.end(_condition(source), text, {"source": source}, at=at)

    async def is_blind(self, source: SourceName) -> bool:
        """Whether the incident is open."""
        return await self._conditions.is_open(_condition(source))


def _condition(source: SourceName) -> Condition:
    title = f"monitoring of source {source} is blind"
    return seen_by_itself(Kind.BLIND, source, title, service="", severity=Severity.CRITICAL)
