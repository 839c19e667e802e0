"""Files alerts under incidents, inside one transaction: opens, extends, and wakes what has changed.

Deduplication is a join, not "a row exists": of two reports of one fingerprint the later start counts, then resolved
over firing. A repeat, a late one and an HA twin's copy change nothing, in whatever order they come. Each incident is
written once a batch, with one timeline entry for all of its alerts: a group of thousands must not hold the one writer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aetherlink.incidents.mapping import LabelMapping, Meaning
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Transaction

_MOST_NAMED = 20  # of one batch in one timeline entry; all of them are under the incident's alerts


@dataclass(slots=True)
class _Draft:
    """An incident as it will be stored, with the alerts of this batch that concern it."""

    incident: Incident
    is_new: bool
    alerts: list[Alert] = field(default_factory=list)


@dataclass(slots=True)
class Filing:
    """One batch of alerts, filed at one moment in one transaction."""

    transaction: Transaction
    mapping: LabelMapping
    ids: Ids
    now: datetime
    _by_key: dict[str, _Draft] = field(default_factory=dict)
    _by_id: dict[IncidentId, _Draft] = field(default_factory=dict)

    def file(self, alerts: Sequence[Alert]) -> list[Alert]:
        """File every alert; those that changed something are returned, in their order."""
        known = self.transaction.alerts.known(alerts)
        news: list[Alert] = []
        for alert in alerts:
            identity = (alert.source, alert.fingerprint)
            stored, filed = known.get(identity, (None, None))
            if stored is not None and not _is_news(stored, alert):
                continue
            latest = alert if stored is None else replace(alert, starts_at=max(stored.starts_at, alert.starts_at))
            known[identity] = (latest, self._incident_for(alert, filed))
            news.append(alert)
        changed = dict.fromkeys((alert.source, alert.fingerprint) for alert in news)  # each once, in their order
        self.transaction.alerts.put_all([known[identity] for identity in changed], at=self.now)
        for draft in self._by_id.values():
            self._write(draft)
        return news

    def _incident_for(self, alert: Alert, filed: IncidentId | None) -> IncidentId | None:
        if self.mapping.is_heartbeat(alert):
            return None
        draft = self._reporting(alert) if alert.status is AlertStatus.FIRING else self._known(filed)
        if draft is None:
            return filed
        draft.alerts.append(alert)
        return draft.incident.id

    def _reporting(self, alert: Alert) -> _Draft:
        """The open incident of what is broken, or a new one."""
        meaning = self.mapping.meaning(alert)
        draft = self._by_key.get(meaning.key)
        if draft is None:
            stored = self.transaction.incidents.open_by_key(meaning.key)
            draft = _Draft(self._opened(alert, meaning), is_new=True) if stored is None else self._draft(stored)
            self._by_key[meaning.key] = self._by_id[draft.incident.id] = draft
        worst = min(draft.incident.severity, meaning.severity, key=lambda each: each.rank)
        draft.incident = replace(draft.incident, severity=worst)
        return draft

    def _known(self, incident_id: IncidentId | None) -> _Draft | None:
        """The incident that the alert was filed under, while it is open."""
        if incident_id is None or incident_id in self._by_id:
            return None if incident_id is None else self._by_id[incident_id]
        stored = self.transaction.incidents.get(incident_id)
        if stored is None or stored.status is not IncidentStatus.OPEN:
            return None
        return self._draft(stored)

    def _draft(self, stored: Incident) -> _Draft:
        draft = self._by_id.setdefault(stored.id, _Draft(stored, is_new=False))
        self._by_key.setdefault(stored.key, draft)
        return draft

    def _opened(self, alert: Alert, meaning: Meaning) -> Incident:
        return Incident(
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

    def _write(self, draft: _Draft) -> None:
        incident = draft.incident
        entry = _entry(draft.alerts, self.now)
        if draft.is_new:
            opened = Entry(EventKind.OPENED, self.now, f"incident opened: {incident.title}", {"key": incident.key})
            self.transaction.incidents.insert(incident, [opened, entry])
        else:
            woken = replace(incident, updated_at=self.now, wake_at=self.now)
            self.transaction.incidents.update(woken, [entry])


def _is_news(stored: Alert, alert: Alert) -> bool:
    """Whether the report changes what is stored.

    Of two Prometheus that see one alert at different times Alertmanager reports the earlier start when it resolves: an
    end after the stored start ends it all the same.
    """
    is_over = alert.status is AlertStatus.RESOLVED and stored.status is AlertStatus.FIRING
    ends_it = is_over and alert.ends_at is not None and alert.ends_at > stored.starts_at
    return ends_it or alert.order > stored.order


def _entry(alerts: Sequence[Alert], now: datetime) -> Entry:
    words = [f"{alert.name or alert.fingerprint} is {alert.status}" for alert in alerts[:_MOST_NAMED]]
    more = len(alerts) - len(words)
    text = ", ".join(words) + (f", and {more} more" if more > 0 else "")
    named = [
        {
            "fingerprint": alert.fingerprint,
            "alertname": alert.name,
            "status": alert.status.value,
            "starts_at": alert.starts_at.isoformat(),
        }
        for alert in alerts[:_MOST_NAMED]
    ]
    return Entry(EventKind.ALERTS, now, text, {"count": len(alerts), "alerts": named})
