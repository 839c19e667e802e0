"""Files alerts under incidents, inside one transaction: opens, extends, and wakes what has changed.

Deduplication is a join, not "a row exists": of two reports of one fingerprint the later start counts, then resolved
over firing. A repeat, a late one and an HA twin's copy change nothing, in whatever order they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aetherlink.incidents.mapping import LabelMapping, Meaning
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Transaction


@dataclass(frozen=True, slots=True)
class Filing:
    """One batch of alerts, filed at one moment in one transaction."""

    transaction: Transaction
    mapping: LabelMapping
    ids: Ids
    now: datetime

    def file(self, alerts: Sequence[Alert]) -> list[Alert]:
        """File every alert; those that changed something are returned, in their order."""
        known = self.transaction.alerts.known(alerts)
        news: list[Alert] = []
        for alert in alerts:
            identity = (alert.source, alert.fingerprint)
            stored = known.get(identity)
            if stored is not None and stored.order >= alert.order:
                continue
            known[identity] = alert
            self._file_one(alert)
            news.append(alert)
        return news

    def _file_one(self, alert: Alert) -> None:
        incident_id = None if self.mapping.is_heartbeat(alert) else self._incident_for(alert)
        self.transaction.alerts.put(alert, incident_id=incident_id, at=self.now)

    def _incident_for(self, alert: Alert) -> IncidentId | None:
        meaning = self.mapping.meaning(alert)
        if alert.status is AlertStatus.RESOLVED:
            return self._note_resolved(alert)
        incident = self.transaction.incidents.open_by_key(meaning.key)
        if incident is None:
            return self._open(alert, meaning)
        self._extend(incident, alert, meaning)
        return incident.id

    def _open(self, alert: Alert, meaning: Meaning) -> IncidentId:
        incident = Incident(
            id=IncidentId(self.ids.new("inc")),
            key=meaning.key,
            origin=Origin.ALERT,
            source=alert.source,
            title=alert.annotations.get("summary") or alert.name or "an alert without a name",
            tenant=meaning.tenant,
            service=meaning.service,
            severity=meaning.severity,
            vip=meaning.vip,
            status=IncidentStatus.OPEN,
            stage=Stage.PLAN,
            opened_at=self.now,
            updated_at=self.now,
            labels=alert.labels,
            wake_at=self.now,
        )
        opened = Entry(EventKind.OPENED, self.now, f"incident opened: {incident.title}", {"key": incident.key})
        self.transaction.incidents.insert(incident, [opened, _entry(alert, self.now)])
        return incident.id

    def _extend(self, incident: Incident, alert: Alert, meaning: Meaning) -> None:
        worst = min(incident.severity, meaning.severity, key=lambda each: each.rank)
        is_idle = incident.stage is Stage.WATCH and not incident.escalated
        changed = replace(
            incident,
            severity=worst,
            vip=incident.vip or meaning.vip,
            stage=Stage.PLAN if is_idle else incident.stage,  # what is new may fit another playbook
            updated_at=self.now,
            wake_at=self.now,
        )
        self.transaction.incidents.update(changed, [_entry(alert, self.now)])

    def _note_resolved(self, alert: Alert) -> IncidentId | None:
        incident_id = self.transaction.alerts.incident_of(alert)
        incident = None if incident_id is None else self.transaction.incidents.get(incident_id)
        if incident is not None and incident.status is IncidentStatus.OPEN:
            woken = replace(incident, updated_at=self.now, wake_at=self.now)
            self.transaction.incidents.update(woken, [_entry(alert, self.now)])
        return incident_id


def _entry(alert: Alert, now: datetime) -> Entry:
    name = alert.name or alert.fingerprint
    facts = {"fingerprint": alert.fingerprint, "alertname": alert.name, "status": alert.status.value}
    starts_at = alert.starts_at.isoformat()
    return Entry(EventKind.ALERTS, now, f"{name} is {alert.status}", {**facts, "starts_at": starts_at})
