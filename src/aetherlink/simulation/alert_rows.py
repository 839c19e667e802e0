"""The alerts in memory; what is known of each fingerprint is in the same index that the store on disk has."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from msgspec.structs import replace

from aetherlink.model.alerts import AlertFilter, AlertLine, AlertStatus, Episode, LinePlace, Standing, StoredAlert
from aetherlink.model.ids import IncidentId
from aetherlink.simulation.undo import Undo, page_of
from aetherlink.store.index import AlertIndex, Key, Known, Staged, standing_of

_NO_FILTER = AlertFilter()
_RESOLVED = AlertStatus.RESOLVED
_PLACE = attrgetter("place")


@dataclass(slots=True)
class AlertTable:
    """What is stored of alerts: the episodes, their ids by incident, and the index."""

    rows: dict[int, StoredAlert] = field(default_factory=dict)
    of_incident: dict[IncidentId, tuple[int, ...]] = field(default_factory=dict)
    index: AlertIndex = field(default_factory=AlertIndex)


class MemoryAlertRows:
    """See ports.AlertRows."""

    def __init__(self, table: AlertTable, undo: Undo, staged: Staged) -> None:
        self._table = table
        self._undo = undo
        self._staged = staged

    def standings(self, keys: Iterable[Key]) -> dict[Key, Standing]:
        """See ports.AlertRows."""
        return {key: standing_of(known) for key, known in self._staged.look_up_all(keys)}

    @property
    def last_id(self) -> int:
        """The id of the last row."""
        return self._staged.last_id

    def put(self, new: Sequence[Episode], changed: Sequence[Episode], *, at: datetime) -> None:
        """See ports.AlertRows."""
        for one in new:
            self._store(StoredAlert(one.id, one.alert, None, at, at, one.tenant, one.severity), one, at)
        for one in changed:
            self._store(self._table.rows[one.id], one, at)
        self._staged.put([_known(one) for one in changed if self._is_latest(one)])
        self._staged.put([_known(one) for one in new])
        self._staged.last_id += len(new)

    def _store(self, row: StoredAlert, one: Episode, at: datetime) -> None:
        alert = replace(row.alert, status=one.status, ends_at=one.ends_at, suppressed=one.suppressed, seen_at=None)
        stored = row._replace(alert=alert, incident_id=one.incident_id, updated_at=at)
        self._undo.put(self._table.rows, one.id, stored)
        if one.incident_id == row.incident_id:
            return
        if row.incident_id is not None:
            kept = tuple(each for each in self._table.of_incident[row.incident_id] if each != one.id)
            self._undo.put(self._table.of_incident, row.incident_id, kept)
        if one.incident_id is not None:
            ids = (*self._table.of_incident.get(one.incident_id, ()), one.id)
            in_order = ids if len(ids) == 1 or ids[-2] < one.id else tuple(sorted(ids))
            self._undo.put(self._table.of_incident, one.incident_id, in_order)

    def _is_latest(self, one: Episode) -> bool:
        earlier = self._staged.look_up(one.alert.source, one.alert.fingerprint)
        return earlier is None or earlier[0] <= one.id

    def get(self, alert_id: int) -> StoredAlert | None:
        """The episode, or None."""
        return self._table.rows.get(alert_id)

    def of_incident(self, incident_id: IncidentId, *, limit: int, after: int = 0) -> list[StoredAlert]:
        """See ports.AlertRows."""
        return list(self._of(incident_id, after))[:limit]

    def actionable(
        self, incident_id: IncidentId, *, limit: int, after: int = 0, names: Collection[str] | None = None
    ) -> list[StoredAlert]:
        """See ports.AlertRows."""
        found = self._actionable(incident_id, after)
        return [one for one in found if names is None or one.alert.name in names][:limit]

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
        """See ports.AlertRows."""
        names = [
            one.alert.name
            for one in self._actionable(incident_id, after)
            if one.alert.name not in but
            and (began_after is None or one.alert.starts_at > began_after)
            and (began_by is None or one.alert.starts_at <= began_by)
        ]
        return sorted(set(names[:limit]))

    def last_of(self, incident_id: IncidentId) -> int:
        """See ports.AlertRows."""
        return next(reversed(self._table.of_incident.get(incident_id, ())), 0)

    def page(
        self, *, limit: int, before: str | None, only: AlertFilter = _NO_FILTER
    ) -> tuple[list[StoredAlert], str | None]:
        """See ports.AlertRows."""
        return page_of(self._table.rows, limit=limit, before=before, fits=lambda one: _fits(one, only))

    def lines(
        self, status: AlertStatus, *, limit: int, before: LinePlace | None = None
    ) -> tuple[list[AlertLine], LinePlace | None]:
        """See ports.AlertRows."""
        lines = (_line(one) for one in self._table.rows.values() if one.alert.status is status)
        found = sorted((one for one in lines if before is None or one.place < before), key=_PLACE, reverse=True)
        return found[:limit], found[limit - 1].place if len(found) > limit else None

    def count(self, status: AlertStatus, *, most: int) -> int:
        """See ports.AlertRows."""
        return min(most, sum(one.alert.status is status for one in self._table.rows.values()))

    def forget(self, before: datetime, *, limit: int) -> int:
        """See ports.AlertRows; the newest stays."""
        rows = self._table.rows.values()
        over = [one for one in rows if one.alert.status is _RESOLVED and one.updated_at < before]
        going = sorted((one for one in over if one.id < self.last_id), key=lambda one: one.updated_at)[:limit]
        for one in going:
            self._undo.drop(self._table.rows, one.id)
            if one.incident_id is not None:
                kept = tuple(each for each in self._table.of_incident[one.incident_id] if each != one.id)
                self._undo.put(self._table.of_incident, one.incident_id, kept)
        self._staged.forget([(one.alert.source, one.alert.fingerprint, one.id) for one in going])
        return len(going)

    def _of(self, incident_id: IncidentId, after: int) -> Iterator[StoredAlert]:
        rows = self._table.rows
        return (rows[each] for each in self._table.of_incident.get(incident_id, ()) if each > after)

    def _actionable(self, incident_id: IncidentId, after: int) -> Iterator[StoredAlert]:
        return (one for one in self._of(incident_id, after) if one.may_be_acted_on)


def _known(one: Episode) -> tuple[Key, Known]:
    known = (one.id, one.since, one.status is _RESOLVED, str(one.suppressed), one.incident_id)
    return (one.alert.source, one.alert.fingerprint), known


def _fits(one: StoredAlert, only: AlertFilter) -> bool:
    asked = (
        (one.alert.status, only.status),
        (one.alert.source, only.source),
        (one.alert.name, only.name),
        (one.tenant, only.tenant),
        (one.severity, only.severity),
        (one.incident_id, only.incident_id),
        (bool(one.alert.suppressed), only.suppressed),
    )
    return all(wanted is None or value == wanted for value, wanted in asked)


def _line(one: StoredAlert) -> AlertLine:
    alert = one.alert
    rest = (alert.starts_at, one.incident_id, one.updated_at, alert.labels)
    return AlertLine(one.id, alert.source, alert.name, one.tenant, one.severity, alert.suppressed.value, *rest)
