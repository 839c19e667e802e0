"""Playbook files that are wrong are an incident: what somebody changed is not in force, and they should know."""

from datetime import datetime, timedelta

from aetherlink.incidents.condition import REOPEN_WINDOW, Condition
from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.lib.plain_text import plain
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Origin, Severity
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store

_LONGEST = 1000  # characters of what is wrong; the log has all of it


class RefusedPlaybooks:
    """See ports.PlaybookSink. `source` is the one that the agent's own incidents are filed under."""

    def __init__(self, store: Store, *, ids: Ids, source: SourceName, reopen_window: timedelta = REOPEN_WINDOW) -> None:
        self._store = store
        self._ids = ids
        self._reopen_window = reopen_window
        self._condition = Condition(
            key=incident_key(Kind.PLAYBOOKS, source),
            origin=Origin.HEALTH,
            source=source,
            title="the playbooks on disk are refused",
            service="aetherlink",
            severity=Severity.WARNING,
        )

    async def refused(self, why: str, *, at: datetime) -> None:
        """Open the incident, once."""
        text = f"the playbooks read before stay in force: {plain(why, _LONGEST)}"
        said = Entry(EventKind.OPENED, at, text, {"problems": len(why.splitlines())})
        await self._store.write(
            lambda transaction: self._condition.begins(transaction, self._ids, said, reopen_window=self._reopen_window)
        )

    async def accepted(self, *, at: datetime) -> None:
        """Close the incident, if there is one."""
        said = Entry(EventKind.RESOLVED, at, "the playbooks on disk are in force")
        await self._store.write(lambda transaction: self._condition.ends(transaction, said))
