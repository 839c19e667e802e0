"""The alerts: one row an episode, found by fingerprint through the index in memory."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from aetherlink.model.alerts import (
    Alert,
    AlertFilter,
    AlertLine,
    AlertStatus,
    Episode,
    LinePlace,
    Standing,
    StoredAlert,
    Suppression,
)
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.store import rows
from aetherlink.store.index import Key, Known, standing_of
from aetherlink.store.layer import Layer
from aetherlink.store.prepared import Prepared
from aetherlink.store.statements import insert_rows, maybe_micros, micros, update_rows
from aetherlink.store.tables import alerts

_CHANGING = ("status", "ends_at", "since", "suppressed", "incident_id", "updated_at")
_ACTIONABLE = sa.and_(alerts.c.status == AlertStatus.FIRING.value, alerts.c.suppressed == Suppression.NONE.value)
_GET = Prepared(sa.select(alerts).where(alerts.c.id == sa.bindparam("its_id")))
_LAST_OF = Prepared(
    sa.select(sa.func.max(alerts.c.id).label("id")).where(alerts.c.incident_id == sa.bindparam("its_incident"))
)
_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(dict[str, str]).decode


def _line(*columns: Any) -> AlertLine:
    """From the columns of _LINES."""
    return AlertLine._make((*columns[:-1], _from_json(columns[-1])))


_LINES = (
    sa.select(
        alerts.c.id,
        alerts.c.source,
        alerts.c.name,
        alerts.c.tenant,
        alerts.c.severity,
        alerts.c.suppressed,
        alerts.c.starts_at,
        alerts.c.incident_id,
        alerts.c.updated_at,
        alerts.c.labels,
    )
    .where(alerts.c.status == sa.bindparam("its_status"))
    .order_by(alerts.c.updated_at.desc(), alerts.c.id.desc())
    .limit(sa.bindparam("most"))
)
_BEFORE = sa.tuple_(alerts.c.updated_at, alerts.c.id) < sa.tuple_(
    sa.bindparam("its_instant", type_=alerts.c.updated_at.type), sa.bindparam("its_id", type_=alerts.c.id.type)
)
_FIRST_LINES = Prepared(_LINES, row=_line)
_NEXT_LINES = Prepared(_LINES.where(_BEFORE), row=_line)
_COUNT = Prepared(
    sa.select(sa.func.count().label("number")).select_from(
        sa.select(alerts.c.id)
        .where(alerts.c.status == sa.bindparam("its_status"))
        .limit(sa.bindparam("most"))
        .subquery()
    )
)
_NO_FILTER = AlertFilter()
_MOST_READ = 10_000  # rows, for one page


class SqlAlertRows:
    """See ports.AlertRows."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._staged = layer.alerts

    @property
    def _connection(self) -> sa.Connection:
        return self._layer.connection

    def standings(self, keys: Iterable[Key]) -> dict[Key, Standing]:
        """What is known of the latest episodes of these fingerprints; what is not known is not in it."""
        return {key: standing_of(known) for key, known in self._staged.look_up_all(keys)}

    @property
    def last_id(self) -> int:
        """The id of the last row; the next ones follow without a gap."""
        return self._staged.last_id

    def put(self, new: Sequence[Episode], changed: Sequence[Episode], *, at: datetime) -> None:
        """Insert the new episodes, whose ids follow `last_id`, and store how the changed ones stand."""
        now = micros(at)
        rows, changes = [_values(one, now) for one in new], [_changes(one, now) for one in changed]
        self._layer.write(lambda connection: insert_rows(connection, alerts, rows))
        self._layer.write(lambda connection: update_rows(connection, alerts, _CHANGING, changes))
        self._staged.put([_known(one) for one in changed if self._is_latest(one)])
        self._staged.put([_known(one) for one in new])
        self._staged.last_id += len(new)

    def get(self, alert_id: int) -> StoredAlert | None:
        """The episode, or None."""
        row = _GET.first(self._connection, {"its_id": alert_id})
        return None if row is None else _stored(row)

    def of_incident(self, incident_id: IncidentId, *, limit: int, after: int = 0) -> list[StoredAlert]:
        """Alerts filed under the incident, in the order in which they were first heard of."""
        return self._in_order(alerts.c.incident_id == incident_id, limit=limit, after=after)

    def actionable(
        self, incident_id: IncidentId, *, limit: int, after: int = 0, names: Collection[str] | None = None
    ) -> list[StoredAlert]:
        """As of_incident, but only those that fire and are not suppressed; with `names` only alerts of these names."""
        if names is not None and not names:
            return []
        values = {"its_incident": incident_id, "after": after, "most": limit}
        values |= {f"name_{place}": name for place, name in enumerate(names or ())}
        query = _actionable(None if names is None else len(names))
        return [_stored(row) for row in query.all(self._connection, values)]

    def names_of(
        self,
        incident_id: IncidentId,
        *,
        limit: int,
        after: int = 0,
        but: Collection[str] = (),
        began_after: datetime | None = None,
        began_by: datetime | None = None,
    ) -> list[str]:
        """The names of its actionable alerts with ids above `after`, those of the first so many; some are left out."""
        is_one = sa.and_(alerts.c.incident_id == incident_id, alerts.c.id > after, _ACTIONABLE)
        if began_after is not None:
            is_one = sa.and_(is_one, alerts.c.starts_at > began_after)
        if began_by is not None:
            is_one = sa.and_(is_one, alerts.c.starts_at <= began_by)
        query = sa.select(alerts.c.name).where(is_one, alerts.c.name.not_in(but)).order_by(alerts.c.id).limit(limit)
        return sorted(set(self._connection.scalars(query)))

    def last_of(self, incident_id: IncidentId) -> int:
        """The id of the newest alert filed under the incident; 0 when there is none."""
        return _LAST_OF.first(self._connection, {"its_incident": incident_id}).id or 0

    def page(
        self, *, limit: int, before: str | None, only: AlertFilter = _NO_FILTER
    ) -> tuple[list[StoredAlert], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        of_incident = () if only.incident_id is None else (alerts.c.incident_id == only.incident_id,)
        fits = tuple(_conditions(only))
        found, cursor = rows.bounded_page(
            self._connection, alerts.c.id, fits, within=of_incident, most=_MOST_READ, limit=limit, before=before
        )
        return [_stored(row) for row in found], cursor

    def lines(
        self, status: AlertStatus, *, limit: int, before: LinePlace | None = None
    ) -> tuple[list[AlertLine], LinePlace | None]:
        """See ports.AlertRows."""
        values: dict[str, Any] = {"its_status": status.value, "most": limit + 1}
        if before is None:
            found: list[AlertLine] = _FIRST_LINES.all(self._connection, values)
        else:
            values |= {"its_instant": before.updated_at, "its_id": before.id}
            found = _NEXT_LINES.all(self._connection, values)
        return found[:limit], found[limit - 1].place if len(found) > limit else None

    def count(self, status: AlertStatus, *, most: int) -> int:
        """See ports.AlertRows."""
        number: int = _COUNT.first(self._connection, {"its_status": status.value, "most": most}).number
        return number

    def forget(self, before: datetime, *, limit: int) -> int:
        """Delete episodes that were over before this instant, the oldest first. Returns how many went.

        The newest stays: the ids go on from it after a restart, and plans name alerts by them.
        """
        is_over = sa.and_(alerts.c.status == AlertStatus.RESOLVED.value, alerts.c.updated_at < before)
        over = sa.and_(is_over, alerts.c.id < self._staged.last_id)
        query = sa.select(alerts.c.source, alerts.c.fingerprint, alerts.c.id).where(over)
        gone = [tuple(row) for row in self._connection.execute(query.order_by(alerts.c.updated_at).limit(limit))]
        self._connection.execute(sa.delete(alerts).where(alerts.c.id.in_([number for _, _, number in gone])))
        self._staged.forget(gone)
        return len(gone)

    def _is_latest(self, one: Episode) -> bool:
        earlier = self._staged.look_up(one.alert.source, one.alert.fingerprint)
        return earlier is None or earlier[0] <= one.id

    def _in_order(self, condition: sa.ColumnElement[bool], *, limit: int, after: int) -> list[StoredAlert]:
        query = sa.select(alerts).where(condition, alerts.c.id > after).order_by(alerts.c.id).limit(limit)
        return [_stored(row) for row in self._connection.execute(query)]


@lru_cache(maxsize=64)
def _actionable(names: int | None) -> Prepared:
    """Those of an incident; of so many names, or of any."""
    is_of_it = alerts.c.incident_id == sa.bindparam("its_incident")
    named = () if names is None else (alerts.c.name.in_([sa.bindparam(f"name_{place}") for place in range(names)]),)
    query = sa.select(alerts).where(is_of_it, _ACTIONABLE, *named, alerts.c.id > sa.bindparam("after"))
    return Prepared(query.order_by(alerts.c.id).limit(sa.bindparam("most")))


def _known(one: Episode) -> tuple[Key, Known]:
    is_resolved = one.status is AlertStatus.RESOLVED
    known = (one.id, one.since, is_resolved, str(one.suppressed), one.incident_id)
    return (one.alert.source, one.alert.fingerprint), known


def _conditions(only: AlertFilter) -> Iterable[sa.ColumnElement[bool]]:
    for column, wanted in (
        (rows.unindexed(alerts.c.status), only.status),
        (alerts.c.source, only.source),
        (alerts.c.name, only.name),
        (alerts.c.tenant, only.tenant),
        (alerts.c.severity, only.severity),
    ):
        if wanted is not None:
            yield column == wanted
    if only.suppressed is not None:
        yield (alerts.c.suppressed != "") if only.suppressed else (alerts.c.suppressed == "")


def _values(one: Episode, now: int) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    alert = one.alert
    starts_at = micros(alert.starts_at)
    return (
        one.id,
        alert.source,
        alert.fingerprint,
        one.name,
        one.tenant,
        one.severity,
        str(one.status),
        starts_at,
        maybe_micros(one.ends_at),
        starts_at if one.since is alert.starts_at else micros(one.since),
        str(one.suppressed),
        _to_json(alert.labels).decode(),
        _to_json(alert.annotations).decode(),
        one.incident_id,
        now,
        now,
    )


def _changes(one: Episode, now: int) -> tuple[Any, ...]:
    ends = maybe_micros(one.ends_at)
    return (one.status.value, ends, micros(one.since), one.suppressed.value, one.incident_id, now, one.id)


def _stored(row: Any) -> StoredAlert:
    alert = Alert(
        source=SourceName(row.source),
        fingerprint=Fingerprint(row.fingerprint),
        status=AlertStatus(row.status),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        labels=_from_json(row.labels),
        annotations=_from_json(row.annotations),
        suppressed=Suppression(row.suppressed),
    )
    return StoredAlert(
        row.id, alert, row.incident_id, row.received_at, row.updated_at, tenant=row.tenant, severity=row.severity
    )
