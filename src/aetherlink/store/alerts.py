"""The present state of every alert that was ever heard."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.store import rows
from aetherlink.store.tables import alerts

_CHANGING = ("status", "starts_at", "ends_at", "labels", "annotations", "incident_id", "updated_at")
_CHUNK = 500  # SQLite bounds the number of variables of one statement


class SqlAlertRows:
    """See ports.AlertRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def known(self, wanted: Sequence[Alert]) -> dict[tuple[str, str], tuple[Alert, IncidentId | None]]:
        """For each (source, fingerprint) of these that is stored: the alert, and the incident it is filed under."""
        return {(row.source, row.fingerprint): (_alert(row), row.incident_id) for row in self._rows(wanted)}

    def put_all(self, filed: Sequence[tuple[Alert, IncidentId | None]], *, at: datetime) -> None:
        """Insert or replace the present state of each alert; no (source, fingerprint) may stand there twice."""
        if not filed:
            return
        insert = sqlite.insert(alerts)
        changing = {name: insert.excluded[name] for name in _CHANGING}
        statement = insert.on_conflict_do_update(index_elements=["source", "fingerprint"], set_=changing)
        self._connection.execute(statement, [_values(alert, incident_id, at) for alert, incident_id in filed])

    def _rows(self, wanted: Sequence[Alert]) -> Iterator[sa.Row[Any]]:
        for source in {alert.source for alert in wanted}:
            prints = sorted({alert.fingerprint for alert in wanted if alert.source == source})
            for start in range(0, len(prints), _CHUNK):
                part = prints[start : start + _CHUNK]
                query = sa.select(alerts).where(alerts.c.source == source, alerts.c.fingerprint.in_(part))
                yield from self._connection.execute(query)

    def of_incident(self, incident_id: IncidentId) -> list[Alert]:
        """Every alert filed under the incident, in the order in which they were first heard."""
        query = sa.select(alerts).where(alerts.c.incident_id == incident_id).order_by(alerts.c.id)
        return _alerts(self._connection.execute(query))

    def page(self, *, limit: int, before: str | None) -> tuple[list[tuple[Alert, IncidentId | None]], str | None]:
        """Newest first, with the cursor of the next page or None."""
        found, cursor = rows.page_of(self._connection, sa.select(alerts), order=alerts.c.id, limit=limit, before=before)
        return [(_alert(row), row.incident_id) for row in found], cursor


def _values(alert: Alert, incident_id: IncidentId | None, at: datetime) -> dict[str, object]:
    return {
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "status": alert.status.value,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "incident_id": incident_id,
        "updated_at": at,
    }


def _alerts(found: Iterable[sa.Row[Any]]) -> list[Alert]:
    return [_alert(row) for row in found]


def _alert(row: sa.Row[Any]) -> Alert:
    return Alert(
        source=SourceName(row.source),
        fingerprint=Fingerprint(row.fingerprint),
        status=AlertStatus(row.status),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        labels=row.labels,
        annotations=row.annotations,
    )
