"""A disk that is nearly full is an incident: once nothing more can be written, nothing more is heard."""

from datetime import datetime

from aetherlink.incidents.condition import Conditions, seen_by_itself
from aetherlink.incidents.identity import Kind
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Severity


class LowDisk:
    """See ports.DiskSink. `source` is the one that the agent's own incidents are filed under."""

    def __init__(self, conditions: Conditions, source: SourceName) -> None:
        self._conditions = conditions
        self._condition = seen_by_itself(
            Kind.DISK, source, "the disk of data_dir is nearly full", severity=Severity.CRITICAL
        )

    async def low(self, free_bytes: int, *, at: datetime) -> None:
        """Open the incident, once."""
        text = f"{free_bytes >> 20} MiB are left on the disk of data_dir: when it is full, alerts are answered 503"
        await self._conditions.begin(self._condition, text, {"free_bytes": free_bytes}, at=at)

    async def recovered(self, free_bytes: int, *, at: datetime) -> None:
        """Close the incident, if there is one."""
        text = f"there is room again: {free_bytes >> 20} MiB"
        await self._conditions.end(self._condition, text, {"free_bytes": free_bytes}, at=at)
