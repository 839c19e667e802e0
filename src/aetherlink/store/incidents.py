"""The incidents and their timelines."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import sqlalchemy as sa

from aetherlink.lib.hash_chain import FIRST
from aetherlink.model.actions import Plan
from aetherlink.model.audit import ChainState
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import (
    Due,
    Incident,
    IncidentFilter,
    IncidentHead,
    IncidentStatus,
    Origin,
    Severity,
    Stage,
)
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
from aetherlink.store import chain_check, heads, pruning, rows, timeline, urgency
from aetherlink.store.layer import Layer
from aetherlink.store.prepared import Prepared
from aetherlink.store.statements import run, text_of
from aetherlink.store.tables import incidents

T = TypeVar("T")

_NOT_OF_THE_MODEL = ("priority", "entries", "head", "is_pruned")
_FIXED = ("id", "is_pruned")
_NO_FILTER = IncidentFilter()

_ITS_ID, _ITS_VERSION = "its_id", "its_version"
_IS_IT = sa.and_(incidents.c.id == sa.bindparam(_ITS_ID), incidents.c.version == sa.bindparam(_ITS_VERSION))
# Made once: to make a statement of so many columns takes SQLAlchemy longer than to run it.
_GET = Prepared(sa.select(incidents).where(incidents.c.id == sa.bindparam(_ITS_ID)))
_LAST = Prepared(sa.select(incidents.c.entries, incidents.c.head).where(_IS_IT))
_UPDATE = Prepared(
    sa.update(incidents)
    .where(_IS_IT)
    .values({each: sa.bindparam(each.name, type_=each.type) for each in incidents.c if each.name not in _FIXED})
)
_DUE = Prepared(
    sa.select(incidents.c.id, incidents.c.priority)
    .where(heads.IS_OPEN, incidents.c.wake_at <= sa.bindparam("now"))
    .order_by(incidents.c.priority, incidents.c.wake_at)
    .limit(sa.bindparam("most"))
)
_LONGEST_DUE = Prepared(
    sa.select(incidents.c.id, incidents.c.priority)
    .where(heads.IS_OPEN, incidents.c.wake_at <= sa.bindparam("since"))
    .order_by(incidents.c.wake_at)
    .limit(sa.bindparam("most"))
)
_NEXT_WAKE = Prepared(sa.select(sa.func.min(incidents.c.wake_at).label("at")).where(heads.IS_OPEN))
_NOW = sa.bindparam("now", type_=incidents.c.wake_at.type)
_WAKE_ALL = (
    sa.update(incidents)
    .where(heads.IS_OPEN, incidents.c.wake_at > _NOW)
    .values(
        wake_at=_NOW,
        verified_since=sa.case((incidents.c.verified_since > _NOW, sa.null()), else_=incidents.c.verified_since),
        version=incidents.c.version + 1,
    )
    .returning(incidents.c.id)
)
_GIVEN_UP = (
    sa.select(incidents)
    .where(heads.IS_OPEN, incidents.c.hands_off.is_(True), incidents.c.firing > 0)
    .order_by(incidents.c.id.desc())
    .limit(sa.bindparam("most"))
)
_MOST_READ = 50_000  # rows of the narrow index, for one page


class SqlIncidentRows:
    """See ports.IncidentRows."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._known = layer.heads
        self._timeline = timeline.Appending(layer)

    @property
    def _connection(self) -> sa.Connection:
        return self._layer.connection

    def get(self, incident_id: IncidentId) -> Incident | None:
        """The incident, or None."""
        row = _GET.first(self._connection, {_ITS_ID: incident_id})
        return None if row is None else incident_of(row)

    def open_by_key(self, key: str) -> Incident | None:
        """The open incident with this identity."""
        return self._one(sa.and_(incidents.c.key == key, heads.IS_OPEN))

    def explaining(
        self, source: SourceName, tenants: Sequence[str], *, opened_since: datetime, resolved_since: datetime
    ) -> Incident | None:
        """What a symptom of one of these tenants may be put down to: the oldest incident by an alert that fits.

        Of the newest ones only, so that a long history costs nothing.
        """
        is_there = sa.or_(incidents.c.status == IncidentStatus.OPEN.value, incidents.c.resolved_at >= resolved_since)
        query = (
            sa.select(incidents)
            .where(
                incidents.c.id.in_(heads.newest()),
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
        return None if row is None else incident_of(row)

    def latest_by_key(self, key: str) -> Incident | None:
        """The newest incident with this identity, open or not."""
        query = sa.select(incidents).where(incidents.c.key == key).order_by(incidents.c.id.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else incident_of(row)

    def insert(self, incident: Incident, entries: Sequence[Entry]) -> None:
        """Store a new incident with its first timeline entries."""
        sequence, head = self._timeline.append(incident.id, entries, sequence=0, head=FIRST)
        self._timeline.flush()
        values = {**_values(incident), "entries": sequence, "head": head}
        self._connection.execute(sa.insert(incidents).values(values))

    def update(self, incident: Incident, entries: Sequence[Entry]) -> bool:
        """Store it if its stored version is still `incident.version`, which then grows by one; else False."""
        is_it = {_ITS_ID: incident.id, _ITS_VERSION: incident.version}
        last = _LAST.first(self._connection, is_it)
        if last is None:
            return False
        sequence, head = self._timeline.append(incident.id, entries, sequence=last.entries, head=last.head)
        self._timeline.flush()
        values = {**_values(incident), "version": incident.version + 1, "entries": sequence, "head": head}
        _UPDATE.change(self._connection, is_it | values)
        self._known.forget(incident.id)
        return True

    def heads(
        self, *, keys: Collection[str] = (), ids: Collection[IncidentId] = (), closed_after: datetime | None = None
    ) -> list[IncidentHead]:
        """See ports.IncidentRows."""
        found, unknown_ids = _sorted_out(self._known.by_id, ids)
        named, unknown_keys = _sorted_out(self._known.by_key, keys)
        found += named
        if unknown_ids or unknown_keys:
            found += self._looked_up(unknown_ids, unknown_keys, closed_after)
        return found

    def _looked_up(
        self, ids: Collection[IncidentId], keys: Collection[str], closed_after: datetime | None
    ) -> list[IncidentHead]:
        connection = self._connection
        found = heads.open_by(connection, "id", ids) + heads.open_by(connection, "key", keys)
        self._known.put(found)
        if closed_after is None:
            return found
        missing = set(keys).difference(head.key for head in found)
        return found + heads.closed_by_key(connection, missing, closed_after)

    def open_since(self, source: SourceName, since: datetime) -> list[IncidentHead]:
        """Open incidents of the source that were opened at or after this instant, the newest first, some at most."""
        return heads.open_since(self._connection, source, since)

    def touch(self, touched: Sequence[tuple[IncidentHead, Sequence[Entry]]], *, at: datetime) -> None:
        """Store how these incidents stand now, each with its new entries; their versions grow by one."""
        changed = [one for one, _ in touched]
        for one, entries in touched:
            one.entries, one.head = self._timeline.append(one.id, entries, sequence=one.entries, head=one.head)
            one.version, one.updated_at = one.version + 1, at
        rows = heads.changes(changed)
        self._layer.write(lambda connection: heads.update(connection, rows))
        self._timeline.flush()
        self._known.put(changed)

    def insert_all(self, opened: Sequence[tuple[Incident, Sequence[Entry]]]) -> None:
        """As insert, for many at once."""
        values = []
        for incident, entries in opened:
            sequence, head = self._timeline.append(incident.id, entries, sequence=0, head=FIRST)
            values.append({**_values(incident), "entries": sequence, "head": head})
        if values:
            self._layer.write(lambda connection: _insert(connection, values))
        self._timeline.flush()

    def due(self, now: datetime, *, limit: int) -> list[Due]:
        """Open incidents whose timer is due, the most urgent first, then the longest waiting."""
        return [Due(*row) for row in _DUE.all(self._connection, {"now": now, "most": limit})]

    def longest_due(self, since: datetime, *, limit: int) -> list[Due]:
        """See ports.IncidentRows."""
        return [Due(*row) for row in _LONGEST_DUE.all(self._connection, {"since": since, "most": limit})]

    def next_wake(self) -> datetime | None:
        """The earliest timer of all open incidents."""
        at: datetime | None = _NEXT_WAKE.first(self._connection).at
        return at

    def wake_all(self, now: datetime) -> int:
        """See ports.IncidentRows."""
        woken = self._connection.execute(_WAKE_ALL, {"now": now}).scalars().all()
        for incident_id in woken:
            self._known.forget(IncidentId(incident_id))
        return len(woken)

    def latest_entries(
        self, incident_id: IncidentId, *, limit: int, kind: EventKind | None = None
    ) -> list[StoredEntry]:
        """The newest entries, the newest first; with `kind` only those of this kind."""
        return timeline.latest(self._connection, incident_id, limit=limit, kind=kind)

    def timeline(self, incident_id: IncidentId, *, limit: int, after: int) -> list[StoredEntry]:
        """Entries in order, those with a sequence above `after`."""
        return timeline.page(self._connection, incident_id, limit=limit, after=after)

    def chain_state(self, incident_id: IncidentId, *, most: int) -> ChainState:
        """Whether its timeline is as it was stored; of its entries the first ones, so many at most."""
        return chain_check.check(self._connection, self._layer.chain, incident_id, most=most)

    def given_up(self, *, limit: int, before: IncidentId | None = None) -> list[Incident]:
        """See ports.IncidentRows."""
        query = _GIVEN_UP if before is None else _GIVEN_UP.where(incidents.c.id < before)
        return [incident_of(row) for row in self._connection.execute(query, {"most": limit})]

    def page(
        self, *, limit: int, before: str | None, only: IncidentFilter = _NO_FILTER
    ) -> tuple[list[Incident], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        priorities = urgency.priorities_of(only)
        if only.status is not None and priorities is not None:
            newest = urgency.newest(self._connection, only.status, priorities, limit=limit + 1, before=before)
            found, cursor = rows.cut(newest, incidents.c.id, limit)
            return [incident_of(row) for row in found], cursor
        fits = tuple(_conditions(only))
        found, cursor = rows.bounded_page(
            self._connection, incidents.c.id, fits, most=_MOST_READ, limit=limit, before=before
        )
        return [incident_of(row) for row in found], cursor

    def open_services(self, among: Collection[str], *, besides: IncidentId | None = None) -> frozenset[str]:
        """See ports.IncidentRows."""
        found = (_of_services(self._connection, part, besides or "") for part in rows.parts(among))
        return frozenset(chain.from_iterable(found))

    def open_by_severity(self) -> dict[str, int]:
        """How many are open, by severity."""
        return urgency.open_by_severity(self._connection)

    def entries_after(self, number: int, *, limit: int) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        return timeline.after(self._connection, number, limit=limit)

    def deeds(self, *, above: int, up_to: int, limit: int) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        return timeline.deeds(self._connection, above=above, up_to=up_to, limit=limit)

    def prune(self, before: datetime, *, limit: int) -> int:
        """Empty the timelines of incidents that were closed before this instant. Returns how many incidents."""
        return pruning.prune(self._connection, self._layer.chain, before, limit=limit)

    def _one(self, condition: sa.ColumnElement[bool]) -> Incident | None:
        row = self._connection.execute(sa.select(incidents).where(condition)).first()
        return None if row is None else incident_of(row)


def _of_services(connection: sa.Connection, services: Sequence[str], besides: str) -> Iterator[str]:
    size = 1 << (len(services) - 1).bit_length()  # few sizes, so that few statements are compiled
    named = (*services, *([services[-1]] * (size - len(services))), besides)
    found = run(connection, _standing_for(size, connection.dialect.name), named)
    return (service for (service,) in found.fetchall())


@lru_cache(maxsize=32)
def _standing_for(size: int, dialect: str) -> str:
    named = [sa.bindparam(f"service_{place}", type_=sa.Text) for place in range(size)]
    is_asked_for = incidents.c.origin == sa.literal_column(f"'{Origin.REQUEST.value}'")
    is_of_another = incidents.c.id != sa.bindparam("besides", type_=sa.Text)
    asked = (heads.IS_OPEN, incidents.c.service.in_(named), ~is_asked_for, is_of_another)
    return text_of(sa.select(incidents.c.service).where(*asked).distinct(), dialect)


def _insert(connection: sa.Connection, values: Sequence[dict[str, object]]) -> None:
    connection.execute(sa.insert(incidents), values)


def _sorted_out(
    look_up: Callable[[T], IncidentHead | None], names: Collection[T]
) -> tuple[list[IncidentHead], list[T]]:
    """What is known by these names, and the names by which nothing is."""
    found, unknown = [], []
    for name in names:
        head = look_up(name)
        if head is None:
            unknown.append(name)
        else:
            found.append(head)
    return found, unknown


def _conditions(only: IncidentFilter) -> Iterable[sa.ColumnElement[bool]]:
    for column, wanted in (
        (rows.unindexed(incidents.c.status), only.status),
        (incidents.c.severity, only.severity),
        (incidents.c.source, only.source),
        (incidents.c.tenant, only.tenant),
        (incidents.c.service, only.service),
        (incidents.c.vip, only.vip),
        (incidents.c.origin, only.origin),
    ):
        if wanted is not None:
            yield column == wanted


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
        "planned_through": incident.planned_through,
        "action_id": incident.action_id,
        "verified_since": incident.verified_since,
        "escalated_at": incident.escalated_at,
        "hands_off": incident.hands_off,
        "firing": incident.firing,
        "is_symptom": incident.is_symptom,
        "reopened": incident.reopened,
        "fires": heads.written(incident.fires),
        "flapping_until": incident.flapping_until,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
        "closed_by": incident.closed_by,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "wake_at": incident.wake_at,
        "version": incident.version,
    }


def incident_of(row: Any) -> Incident:
    """The incident of a row of its table."""
    values = row._asdict()
    for name in _NOT_OF_THE_MODEL:
        del values[name]
    values |= {
        "origin": Origin(row.origin),
        "severity": Severity(row.severity),
        "status": IncidentStatus(row.status),
        "stage": Stage(row.stage),
        "plan": None if row.plan is None else rows.from_json(row.plan, Plan),
        "fires": heads.read(row.fires),
    }
    return Incident(**values)
