"""A source whose heartbeat stopped is an incident: whatever breaks there now, nobody would hear of it."""

from datetime import datetime, timedelta

from aetherlink.incidents.condition import REOPEN_WINDOW, Condition
from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Origin, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store


class Blindness:
    """See ports.BlindSink."""

    def __init__(self, store: Store, *, ids: Ids, reopen_window: timedelta = REOPEN_WINDOW) -> None:
        self._store = store
        self._ids = ids
        self._reopen_window = reopen_window

    async def blind(self, source: SourceName, at: datetime, why: str) -> None:
        """Open the incident, once."""
        said = Entry(EventKind.OPENED, at, f"monitoring of source {source} is blind: {why}", {"source": source})
        await self._store.write(
            lambda transaction: _condition(source).begins(
                transaction, self._ids, said, reopen_window=self._reopen_window
            )
        )

    async def sighted(self, source: SourceName, at: datetime) -> None:
        """Close the incident, if there is one."""
        said = Entry(EventKind.RESOLVED, at, f"the heartbeat of source {source} is heard again", {"source": source})
        await self._store.write(lambda transaction: _condition(source).ends(transaction, said))

    async def is_blind(self, source: SourceName) -> bool:
        """Whether the incident is open."""
        key = _condition(source).key
        return await self._store.read(lambda transaction: transaction.incidents.open_by_key(key) is not None)


def _condition(source: SourceName) -> Condition:
    return Condition(
        key=incident_key(Kind.BLIND, source),
        origin=Origin.HEALTH,
        source=source,
        title=f"monitoring of source {source} is blind",
        severity=Severity.CRITICAL,
    )
