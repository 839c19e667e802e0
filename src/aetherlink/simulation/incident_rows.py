"""The incidents and their timelines in memory."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from aetherlink.errors import StoreError
from aetherlink.lib.plain_text import plain
from aetherlink.model.audit import ChainState
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Due, Incident, IncidentFilter, IncidentHead, IncidentStatus, Origin
from aetherlink.model.timeline import WHO_FACTS, Entry, EventKind, StoredEntry
from aetherlink.simulation.undo import Undo, page_of

_WHO = frozenset(WHO_FACTS)
_NO_FILTER = IncidentFilter()
_FILTERS = tuple(each.name for each in fields(IncidentFilter))
_OPEN = IncidentStatus.OPEN
_LAST = "last"


@dataclass(slots=True)
class IncidentTable:
    """What is stored of incidents. `numbers` holds the number of the last entry of all timelines."""

    rows: dict[IncidentId, Incident] = field(default_factory=dict)
    open: dict[str, IncidentId] = field(default_factory=dict)
    by_key: dict[str, tuple[IncidentId, ...]] = field(default_factory=dict)
    timelines: dict[IncidentId, tuple[StoredEntry, ...]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


class MemoryIncidentRows:
    """See ports.IncidentRows. The timelines are not chained by hashes: the hash of an entry is its number."""

    def __init__(self, table: IncidentTable, undo: Undo) -> None:
        self._table = table
        self._undo = undo

    def get(self, incident_id: IncidentId) -> Incident | None:
        """The incident, or None."""
        return self._table.rows.get(incident_id)

    def open_by_key(self, key: str) -> Incident | None:
        """See ports.IncidentRows."""
        found = self._table.open.get(key)
        return None if found is None else self._table.rows[found]

    def explaining(
        self, source: SourceName, tenants: Sequence[str], *, opened_since: datetime, resolved_since: datetime
    ) -> Incident | None:
        """See ports.IncidentRows."""
        fitting = (
            one
            for one in self._table.rows.values()
            if one.opened_at >= opened_since
            and (one.source, one.origin) == (source, Origin.ALERT)
            and one.tenant in tenants
            and (one.status is _OPEN or (one.resolved_at is not None and one.resolved_at >= resolved_since))
        )
        return min(fitting, key=lambda one: one.id, default=None)

    def latest_by_key(self, key: str) -> Incident | None:
        """See ports.IncidentRows."""
        newest = max(self._table.by_key.get(key, ()), default=None)
        return None if newest is None else self._table.rows[newest]

    def insert(self, incident: Incident, entries: Sequence[Entry]) -> None:
        """Raises StoreError where there is one with this id, or one with this key that is open."""
        if incident.id in self._table.rows:
            raise StoreError(f"there is an incident {incident.id} already")
        self._put(None, incident)
        self._append(incident.id, entries)

    def insert_all(self, opened: Sequence[tuple[Incident, Sequence[Entry]]]) -> None:
        """As insert, for many at once."""
        for incident, entries in opened:
            self.insert(incident, entries)

    def update(self, incident: Incident, entries: Sequence[Entry]) -> bool:
        """See ports.IncidentRows."""
        stored = self._table.rows.get(incident.id)
        if stored is None or stored.version != incident.version:
            return False
        self._put(stored, replace(incident, version=incident.version + 1))
        self._append(incident.id, entries)
        return True

    def touch(self, touched: Sequence[tuple[IncidentHead, Sequence[Entry]]], *, at: datetime) -> None:
        """See ports.IncidentRows. Timer and identity only where the head says that they are new."""
        for head, entries in touched:
            head.version, head.updated_at = head.version + 1, at
            stored = self._table.rows[head.id]
            self._put(stored, _touched(stored, head))
            self._append(head.id, entries)
            head.entries = len(self._table.timelines.get(head.id, ()))

    def heads(
        self, *, keys: Collection[str] = (), ids: Collection[IncidentId] = (), closed_after: datetime | None = None
    ) -> list[IncidentHead]:
        """See ports.IncidentRows."""
        rows = self._table.rows
        named = [rows[each] for each in ids if each in rows and (rows[each].status is _OPEN or rows[each].firing > 0)]
        opened = [rows[self._table.open[each]] for each in keys if each in self._table.open]
        found = [self._head(one) for one in (*named, *opened)]
        missing = set(keys).difference(self._table.open)
        if closed_after is None or not missing:
            return found
        return found + [self._head(one) for one in self._closed(missing, closed_after)]

    def _closed(self, keys: Collection[str], after: datetime) -> list[Incident]:
        by_key, rows = self._table.by_key, self._table.rows
        newest_first = sorted((each for key in keys for each in by_key.get(key, ())), reverse=True)
        over = (rows[each] for each in newest_first if rows[each].status is not _OPEN)
        return [one for one in over if one.resolved_at is not None and one.resolved_at >= after]

    def open_since(self, source: SourceName, since: datetime) -> list[IncidentHead]:
        """See ports.IncidentRows."""
        found = [one for one in self._opened() if one.source == source and one.opened_at >= since]
        return [self._head(one) for one in sorted(found, key=lambda one: one.id, reverse=True)]

    def due(self, now: datetime, *, limit: int) -> list[Due]:
        """See ports.IncidentRows."""
        found = [(one.priority, one.wake_at, one.id) for one in self._opened() if one.wake_at and one.wake_at <= now]
        return [Due(incident_id, priority) for priority, _, incident_id in sorted(found)[:limit]]

    def longest_due(self, since: datetime, *, limit: int) -> list[Due]:
        """See ports.IncidentRows."""
        found = [(one.wake_at, one.id, one.priority) for one in self._opened() if one.wake_at and one.wake_at <= since]
        return [Due(incident_id, priority) for _, incident_id, priority in sorted(found)[:limit]]

    def next_wake(self) -> datetime | None:
        """See ports.IncidentRows."""
        return min((one.wake_at for one in self._opened() if one.wake_at is not None), default=None)

    def wake_all(self, now: datetime) -> int:
        """See ports.IncidentRows."""
        sleeping = [one for one in self._opened() if one.wake_at is not None and one.wake_at > now]
        for one in sleeping:
            holds = one.verified_since is None or one.verified_since <= now
            since = one.verified_since if holds else None
            self._put(one, replace(one, wake_at=now, verified_since=since, version=one.version + 1))
        return len(sleeping)

    def latest_entries(
        self, incident_id: IncidentId, *, limit: int, kind: EventKind | None = None
    ) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        newest_first = reversed(self._table.timelines.get(incident_id, ()))
        return [one for one in newest_first if kind is None or one.entry.kind is kind][:limit]

    def timeline(self, incident_id: IncidentId, *, limit: int, after: int) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        entries = self._table.timelines.get(incident_id, ())
        return [one for one in entries if one.sequence > after][:limit]

    def entries_after(self, number: int, *, limit: int) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        later = (one for of_it in self._table.timelines.values() for one in of_it if one.number > number)
        return sorted(later, key=lambda one: one.number)[:limit]

    def deeds(self, *, above: int, up_to: int, limit: int) -> list[StoredEntry]:
        """See ports.IncidentRows."""
        between = self.entries_after(above, limit=up_to - above)
        return [one for one in reversed(between) if one.number <= up_to and not _WHO.isdisjoint(one.entry.facts)][
            :limit
        ]

    def chain_state(self, incident_id: IncidentId, *, most: int) -> ChainState:
        """Nobody but this process can change them."""
        count = len(self.timeline(incident_id, limit=most + 1, after=0))
        return ChainState(min(count, most), None, count <= most)

    def given_up(self, *, limit: int, before: IncidentId | None = None) -> list[Incident]:
        """See ports.IncidentRows."""
        left = (one for one in self._opened() if one.hands_off and one.firing > 0)
        found = [one for one in left if before is None or one.id < before]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def page(
        self, *, limit: int, before: str | None, only: IncidentFilter = _NO_FILTER
    ) -> tuple[list[Incident], str | None]:
        """See ports.IncidentRows."""
        return page_of(self._table.rows, limit=limit, before=before, fits=lambda one: _fits(one, only))

    def prune(self, before: datetime, *, limit: int) -> int:
        """See ports.IncidentRows."""
        rows, timelines = self._table.rows, self._table.timelines
        going = [key for key in timelines if (at := rows[key].resolved_at) is not None and at < before][:limit]
        for incident_id in going:
            kept = tuple(replace(one, entry=replace(one.entry, text="", facts={})) for one in timelines[incident_id])
            self._undo.put(timelines, incident_id, kept)
        return len(going)

    def open_by_severity(self) -> dict[str, int]:
        """How many are open, by severity."""
        counted: dict[str, int] = {}
        for one in self._opened():
            counted[one.severity.value] = counted.get(one.severity.value, 0) + 1
        return counted

    def open_services(self, among: Collection[str], *, besides: IncidentId | None = None) -> frozenset[str]:
        """See ports.IncidentRows."""
        unwell = (one.service for one in self._opened() if one.origin is not Origin.REQUEST and one.id != besides)
        return frozenset(unwell) & frozenset(among)

    def _opened(self) -> Iterator[Incident]:
        rows = self._table.rows
        return (rows[each] for each in self._table.open.values())

    def _put(self, earlier: Incident | None, incident: Incident) -> None:
        opened = self._table.open
        was_open = earlier is not None and earlier.status is _OPEN
        stays = was_open and earlier is not None and earlier.key == incident.key and incident.status is _OPEN
        if earlier is not None and was_open and not stays:
            self._undo.drop(opened, earlier.key)
        if incident.status is _OPEN and not stays:
            if incident.key in opened:
                raise StoreError(f"incident {opened[incident.key]} is open under the key {incident.key!r} already")
            self._undo.put(opened, incident.key, incident.id)
        if earlier is None or earlier.key != incident.key:
            self._name(earlier, incident)
        self._undo.put(self._table.rows, incident.id, incident)

    def _name(self, earlier: Incident | None, incident: Incident) -> None:
        by_key = self._table.by_key
        if earlier is not None:
            self._undo.put(by_key, earlier.key, tuple(each for each in by_key[earlier.key] if each != incident.id))
        self._undo.put(by_key, incident.key, (*by_key.get(incident.key, ()), incident.id))

    def _append(self, incident_id: IncidentId, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        earlier = self._table.timelines.get(incident_id, ())
        number = self._table.numbers.get(_LAST, 0)
        more = [
            StoredEntry(incident_id, len(earlier) + place, _plain(entry), number + place, str(number + place))
            for place, entry in enumerate(entries, start=1)
        ]
        self._undo.put(self._table.timelines, incident_id, (*earlier, *more))
        self._undo.put(self._table.numbers, _LAST, number + len(more))

    def _head(self, one: Incident) -> IncidentHead:
        return IncidentHead(
            one.id,
            one.key,
            one.origin,
            one.source,
            one.tenant,
            one.service,
            one.title,
            one.severity,
            one.vip,
            one.status,
            one.stage,
            one.firing,
            one.is_symptom,
            one.reopened,
            one.fires,
            one.flapping_until,
            one.planned_through,
            one.opened_at,
            one.updated_at,
            one.resolved_at,
            one.wake_at,
            one.version,
            entries=len(self._table.timelines.get(one.id, ())),
        )


def _plain(entry: Entry) -> Entry:
    return entry if "\0" not in entry.text else replace(entry, text=plain(entry.text))


def _touched(stored: Incident, head: IncidentHead) -> Incident:
    recast = stored if not head.is_recast else replace(
        stored,
        key=head.key,
        origin=head.origin,
        tenant=head.tenant,
        service=head.service,
        title=head.title,
        severity=head.severity,
        vip=head.vip,
    )  # fmt: skip
    return replace(
        recast,
        firing=head.firing,
        is_symptom=head.is_symptom,
        fires=head.fires,
        flapping_until=head.flapping_until,
        planned_through=head.planned_through,
        updated_at=head.updated_at,
        version=head.version,
        wake_at=head.wake_at if head.is_rewoken else stored.wake_at,
    )


def _fits(one: Incident, only: IncidentFilter) -> bool:
    if only is _NO_FILTER:
        return True
    return all((wanted := getattr(only, name)) is None or getattr(one, name) == wanted for name in _FILTERS)
