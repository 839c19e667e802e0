"""What is wrong without an alert that says so, as an incident: it opens when the condition begins, closes at its end.

For the parts of the agent that see for themselves: a health score that stays low, a source that has gone blind. Both
steps change nothing when they are repeated. What comes and goes is one incident that is opened again, as with alerts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.incidents.options import GroupingOptions
from aetherlink.model import lifecycle
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store, Transaction

REOPEN_WINDOW = GroupingOptions().reopen_window


@dataclass(frozen=True, slots=True)
class Condition:
    """What may be wrong. `key` is its identity, made by incidents.identity; see Incident for `is_symptom`.

    `begins` and `ends` run inside the caller's transaction.
    """

    key: str
    origin: Origin
    source: SourceName
    title: str
    tenant: str = ""
    service: str = ""
    severity: Severity = Severity.WARNING
    vip: bool = False
    is_symptom: bool = False

    def begins(
        self, transaction: Transaction, ids: Ids, said: Entry, *, reopen_window: timedelta = REOPEN_WINDOW
    ) -> Incident | None:
        """Open its incident, again when it ended within the window.

        None when it is open already, or was closed by hand while the condition went on.
        """
        latest = transaction.incidents.latest_by_key(self.key)
        if latest is not None and (latest.status is IncidentStatus.OPEN or self._goes_on(latest)):
            return None
        if latest is not None and latest.resolved_at is not None and latest.resolved_at > said.at - reopen_window:
            return self._begins_again(transaction, latest, said)
        incident = Incident(
            id=IncidentId(ids.new("inc")),
            key=self.key,
            origin=self.origin,
            source=self.source,
            title=self.title,
            tenant=self.tenant,
            service=self.service,
            severity=self.severity,
            vip=self.vip,
            is_symptom=self.is_symptom,
            status=IncidentStatus.OPEN,
            stage=Stage.WATCH,
            opened_at=said.at,
            updated_at=said.at,
        )
        transaction.incidents.insert(incident, [said])
        return incident

    def ends(self, transaction: Transaction, said: Entry) -> bool:
        """Close its incident, or leave it to the pipeline when alerts have joined it; False when there is none."""
        incident = transaction.incidents.latest_by_key(self.key)
        if incident is not None and self._goes_on(incident):
            well = replace(incident, verified_since=said.at, updated_at=said.at)
            return transaction.incidents.update(well, [said])
        if incident is None or incident.status is not IncidentStatus.OPEN:
            return False
        if incident.firing > 0 or incident.stage is not Stage.WATCH or incident.action_id is not None:
            left = replace(incident, origin=Origin.ALERT, updated_at=said.at, wake_at=said.at)
            return transaction.incidents.update(left, [replace(said, kind=EventKind.NOTE)])
        return transaction.incidents.update(lifecycle.recovered(incident, at=said.at), [said])

    def _begins_again(self, transaction: Transaction, closed: Incident, said: Entry) -> Incident:
        again = replace(
            lifecycle.reopened(closed, at=said.at),
            origin=self.origin,
            stage=Stage.WATCH,
            vip=closed.vip or self.vip,
            verified_since=None,
        )
        facts = {**said.facts, "times": again.reopened}
        entry = Entry(EventKind.REOPENED, said.at, f"opened again: {said.text}", facts)
        transaction.incidents.update(again, [entry])
        return again

    def _goes_on(self, closed: Incident) -> bool:
        """Whether a person closed the incident and its condition was not seen to end since then."""
        is_by_hand = closed.status is IncidentStatus.RESOLVED and closed.closed_by is not None
        return is_by_hand and closed.origin is self.origin and closed.verified_since is None


def seen_by_itself(
    kind: Kind,
    source: SourceName,
    title: str,
    *,
    service: str = "aetherlink",
    severity: Severity = Severity.WARNING,
    what: str = "",
) -> Condition:
    """The one condition of this kind that the agent sees by itself, of the source that it is filed under.

    `what` tells apart those of one kind, where there are several.
    """
    key = incident_key(kind, source, *([what] if what else []))
    return Condition(key, Origin.HEALTH, source, title, service=service, severity=severity)


class Conditions:
    """Conditions that begin and end in transactions of their own. Every call raises StoreError or OverloadedError."""

    def __init__(self, store: Store, *, ids: Ids, reopen_window: timedelta = REOPEN_WINDOW) -> None:
        self._store = store
        self._ids = ids
        self._reopen_window = reopen_window

    async def begin(self, condition: Condition, text: str, facts: Mapping[str, object], *, at: datetime) -> None:
        """Open its incident, once."""
        said = Entry(EventKind.OPENED, at, text, facts)
        await self._store.write(
            lambda transaction: condition.begins(transaction, self._ids, said, reopen_window=self._reopen_window)
        )

    async def end(self, condition: Condition, text: str, facts: Mapping[str, object], *, at: datetime) -> None:
        """Close its incident, if there is one."""
        said = Entry(EventKind.RESOLVED, at, text, facts)
        await self._store.write(lambda transaction: condition.ends(transaction, said))

    async def is_open(self, condition: Condition) -> bool:
        """Whether it began, before a restart perhaps, and did not end."""
        return await self._store.read(lambda transaction: transaction.incidents.open_by_key(condition.key) is not None)
