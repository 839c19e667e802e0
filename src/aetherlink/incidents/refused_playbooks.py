"""Playbook files that are wrong are an incident: what somebody changed is not in force, and they should know."""

from datetime import datetime

from aetherlink.incidents.condition import Conditions, seen_by_itself
from aetherlink.incidents.identity import Kind
from aetherlink.lib.plain_text import plain
from aetherlink.model.ids import SourceName

_LONGEST = 1000  # characters of what is wrong; the log has all of it


class RefusedPlaybooks:
    """See ports.PlaybookSink. `source` is the one that the agent's own incidents are filed under."""

    def __init__(self, conditions: Conditions, source: SourceName) -> None:
        self._conditions = conditions
        self._condition = seen_by_itself(Kind.PLAYBOOKS, source, "the playbooks on disk are refused")

    async def refused(self, why: str, *, at: datetime) -> None:
        """Open the incident, once."""
        text = f"the playbooks read before stay in force: {plain(why, _LONGEST)}"
        await self._conditions.begin(self._condition, text, {"problems": len(why.splitlines())}, at=at)

    async def accepted(self, *, at: datetime) -> None:
        """Close the incident, if there is one."""
        await self._conditions.end(self._condition, "the playbooks on disk are in force", {}, at=at)
