"""The incidents and their timelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aetherlink.model.actions import Plan
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
from aetherlink.store import rows
from aetherlink.store.tables import incidents, timeline

_MOST_LATELY = 1000


class SqlIncidentRows:
    """See ports.IncidentRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, incident_id: IncidentId) -> Incident | None:
        """The incident, or None."""
        return self._one(incidents.c.id == incident_id)

    def open_by_key(self, key: str) -> Incident | None:
        """The open incident with this identity."""
        return self._one(sa.and_(incidents.c.key == key, incidents.c.status == IncidentStatus.OPEN.value))

    def explaining(
        self, source: SourceName, tenants: Sequence[str], *, opened_since: datetime, resolved_since: datetime
    ) -> Incident | None:
        """What a symptom of one of these tenants may be put down to: the oldest incident by an alert that fits.

        Of the newest ones only, so that a long history costs nothing.
        """
        newest = sa.select(incidents.c.id).order_by(incidents.c.id.desc()).limit(_MOST_LATELY).scalar_subquery()
        is_there = sa.or_(incidents.c.status == IncidentStatus.OPEN.value, incidents.c.resolved_at >= resolved_since)
        query = (
            sa.select(incidents)
            .where(
                incidents.c.id.in_(newest),
                incidents.c.opened_at >= opened_since,
                incidents.c.source == source,
                incidents.c.origin == Origin.ALERT.value,
                incidents.c.tenant.in_(tenants),
                is_there,
            )
            .order_by(incidents.c.id)
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return None if row is None else _incident(row)

    def insert(self, incident: Incident, entries: Sequence[Entry]) -> None:
        """Store a new incident with its first timeline entries."""
        self._connection.execute(sa.insert(incidents).values(_values(incident)))
        self._append(incident.id, entries)

    def update(self, incident: Incident, entries: Sequence[Entry]) -> bool:
        """Store it if its stored version is still `incident.version`, which then grows by one; else False."""
        is_it = sa.and_(incidents.c.id == incident.id, incidents.c.version == incident.version)
        values = {**_values(incident), "version": incident.version + 1}
        if not self._connection.execute(sa.update(incidents).where(is_it).values(values)).rowcount:
            return False
        self._append(incident.id, entries)
        return True

    def due(self, now: datetime, *, limit: int) -> list[IncidentId]:
        """Open incidents whose timer is due, the most urgent first, then the longest waiting."""
        query = (
            sa.select(incidents.c.id)
            .where(incidents.c.status == IncidentStatus.OPEN.value, incidents.c.wake_at <= now)
            .order_by(incidents.c.priority, incidents.c.wake_at)
            .limit(limit)
        )
        return [IncidentId(found) for found in self._connection.scalars(query)]

    def next_wake(self) -> datetime | None:
        """The earliest timer of all open incidents."""
        is_open = incidents.c.status == IncidentStatus.OPEN.value
        return self._connection.execute(sa.select(sa.func.min(incidents.c.wake_at)).where(is_open)).scalar()

    def timeline(self, incident_id: IncidentId, *, limit: int, after: int) -> list[StoredEntry]:
        """Entries in order, those with a sequence above `after`."""
        query = (
            sa.select(timeline)
            .where(timeline.c.incident_id == incident_id, timeline.c.sequence > after)
            .order_by(timeline.c.sequence)
            .limit(limit)
        )
        return [_entry(row) for row in self._connection.execute(query)]

    def page(
        self, *, limit: int, before: str | None, status: IncidentStatus | None
    ) -> tuple[list[Incident], str | None]:
        """Newest first, with the cursor of the next page or None."""
        query = sa.select(incidents)
        if status is not None:
            query = query.where(incidents.c.status == status.value)
        found, cursor = rows.page_of(self._connection, query, order=incidents.c.id, limit=limit, before=before)
        return [_incident(row) for row in found], cursor

    def open_by_severity(self) -> dict[str, int]:
        """How many are open, by severity."""
        query = (
            sa.select(incidents.c.severity, sa.func.count().label("open"))
            .where(incidents.c.status == IncidentStatus.OPEN.value)
            .group_by(incidents.c.severity)
        )
        return {row.severity: row.open for row in self._connection.execute(query)}

    def _one(self, condition: sa.ColumnElement[bool]) -> Incident | None:
        row = self._connection.execute(sa.select(incidents).where(condition)).first()
        return None if row is None else _incident(row)

    def _append(self, incident_id: IncidentId, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        last = sa.select(sa.func.max(timeline.c.sequence)).where(timeline.c.incident_id == incident_id)
        first = (self._connection.execute(last).scalar() or 0) + 1
        self._connection.execute(
            sa.insert(timeline),
            [
                {
                    "incident_id": incident_id,
                    "sequence": sequence,
                    "kind": entry.kind.value,
                    "at": entry.at,
                    "text": entry.text,
                    "facts": dict(entry.facts),
                }
                for sequence, entry in enumerate(entries, start=first)
            ],
        )


def _values(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.id,
        "key": incident.key,
        "origin": incident.origin.value,
        "source": incident.source,
        "title": incident.title,
        "tenant": incident.tenant,
        "service": incident.service,
        "severity": incident.severity.value,
        "vip": incident.vip,
        "status": incident.status.value,
        "stage": incident.stage.value,
        "priority": incident.priority,
        "labels": dict(incident.labels),
        "plan": rows.to_json(incident.plan),
        "considered": list(incident.considered),
        "action_id": incident.action_id,
        "verified_since": incident.verified_since,
        "escalated_at": incident.escalated_at,
        "hands_off": incident.hands_off,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "wake_at": incident.wake_at,
        "version": incident.version,
    }


def _incident(row: sa.Row[Any]) -> Incident:
    values = {**row._mapping}  # noqa: SLF001 - SQLAlchemy's documented way to a row's names
    del values["priority"]  # it follows from the severity and the VIP mark
    values |= {
        "origin": Origin(row.origin),
        "severity": Severity(row.severity),
        "status": IncidentStatus(row.status),
        "stage": Stage(row.stage),
        "plan": None if row.plan is None else rows.from_json(row.plan, Plan),
        "considered": tuple(row.considered),
    }
    return Incident(**values)


def _entry(row: sa.Row[Any]) -> StoredEntry:
    entry = Entry(kind=EventKind(row.kind), at=row.at, text=row.text, facts=row.facts)
    return StoredEntry(incident_id=IncidentId(row.incident_id), sequence=row.sequence, entry=entry)
