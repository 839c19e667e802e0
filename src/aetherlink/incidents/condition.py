"""What is wrong without an alert that says so, as an incident: it opens when the condition begins, closes at its end.

For the parts of the agent that see for themselves: a health score that stays low, a source that has gone blind. Both
steps run inside the caller's transaction, and change nothing when they are repeated.
"""

from dataclasses import dataclass, replace

from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Transaction


@dataclass(frozen=True, slots=True)
class Condition:
    """What may be wrong. `key` is its identity, made by incidents.identity; see Incident for `is_symptom`."""

    key: str
    origin: Origin
    source: SourceName
    title: str
    tenant: str = ""
    service: str = ""
    severity: Severity = Severity.WARNING
    vip: bool = False
    is_symptom: bool = False

    def begins(self, transaction: Transaction, ids: Ids, said: Entry) -> Incident | None:
        """Open its incident; None when it is open already."""
        if transaction.incidents.open_by_key(self.key) is not None:
            return None
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
        """Close its incident, or leave it to the alerts that have joined it and fire on; False when there is none."""
        incident = transaction.incidents.open_by_key(self.key)
        if incident is None:
            return False
        if incident.firing > 0:
            left = replace(incident, origin=Origin.ALERT, updated_at=said.at, wake_at=said.at)
            return transaction.incidents.update(left, [replace(said, kind=EventKind.NOTE)])
        closed = replace(
            incident,
            status=IncidentStatus.RESOLVED,
            stage=Stage.DONE,
            resolved_at=said.at,
            updated_at=said.at,
            wake_at=None,
        )
        return transaction.incidents.update(closed, [said])
