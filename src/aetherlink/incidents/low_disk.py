"""A disk that is nearly full is an incident: once nothing more can be written, nothing more is heard."""

from datetime import datetime, timedelta

from aetherlink.incidents.condition import REOPEN_WINDOW, Condition
from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Origin, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store


class LowDisk:
    """See ports.DiskSink. `source` is the one that the agent's own incidents are filed under."""

    def __init__(self, store: Store, *, ids: Ids, source: SourceName, reopen_window: timedelta = REOPEN_WINDOW) -> None:
        self._store = store
        self._ids = ids
        self._reopen_window = reopen_window
        self._condition = Condition(
            key=incident_key(Kind.DISK, source),
            origin=Origin.HEALTH,
            source=source,
            title="the disk of data_dir is nearly full",
            service="aetherlink",
            severity=Severity.CRITICAL,
        )

    async def low(self, free_bytes: int, *, at: datetime) -> None:
        """Open the incident, once."""
        text = f"{free_bytes >> 20} MiB are left on the disk of data_dir: when it is full, alerts are answered 503"
        said = Entry(EventKind.OPENED, at, text, {"free_bytes": free_bytes})
        await self._store.write(
            lambda transaction: self._condition.begins(transaction, self._ids, said, reopen_window=self._reopen_window)
        )

    async def recovered(self, free_bytes: int, *, at: datetime) -> None:
        """Close the incident, if there is one."""
        text = f"there is room again: {free_bytes >> 20} MiB"
        said = Entry(EventKind.RESOLVED, at, text, {"free_bytes": free_bytes})
        await self._store.write(lambda transaction: self._condition.ends(transaction, said))
