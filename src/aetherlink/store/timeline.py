"""The timelines: append-only, each entry chained by its hash to the one before it in the same incident."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.lib.hash_chain import FIRST, Chain, Link
from aetherlink.lib.plain_text import plain
from aetherlink.model.ids import IncidentId
from aetherlink.model.timeline import WHO_FACTS, Entry, EventKind, StoredEntry
from aetherlink.store.layer import Layer
from aetherlink.store.prepared import Prepared
from aetherlink.store.statements import insert_rows, micros, update_rows
from aetherlink.store.tables import incidents, timeline

_AFTER = Prepared(
    sa.select(timeline)
    .where(timeline.c.number > sa.bindparam("above"))
    .order_by(timeline.c.number)
    .limit(sa.bindparam("most"))
)
_DEEDS = Prepared(
    sa.select(timeline)
    .where(
        timeline.c.number > sa.bindparam("above"),
        timeline.c.number <= sa.bindparam("up_to"),
        sa.or_(*(timeline.c.facts.like(sa.bindparam(f"says_{name}")) for name in WHO_FACTS)),
    )
    .order_by(timeline.c.number.desc())
    .limit(sa.bindparam("most"))
)
_ITS = timeline.c.incident_id == sa.bindparam("its_incident")
_PAGE = Prepared(
    sa.select(timeline)
    .where(_ITS, timeline.c.sequence > sa.bindparam("above"))
    .order_by(timeline.c.sequence)
    .limit(sa.bindparam("most"))
)
_NEWEST = sa.select(timeline).where(_ITS).order_by(timeline.c.sequence.desc()).limit(sa.bindparam("most"))
_LATEST = Prepared(_NEWEST)
_LATEST_OF_KIND = Prepared(_NEWEST.where(timeline.c.kind == sa.bindparam("its_kind")))
_to_json = msgspec.json.Encoder(order="deterministic").encode


class Appending:
    """Collects the entries of one transaction, then inserts them all at once."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._rows: list[tuple[Any, ...]] = []

    def append(self, incident_id: IncidentId, entries: Sequence[Entry], *, sequence: int, head: str) -> tuple[int, str]:
        """Chain these entries to the incident's last one (its sequence and hash); returns the new last one's."""
        for entry in entries:
            sequence += 1
            kind, at, facts = entry.kind.value, micros(entry.at), _to_json(entry.facts).decode()
            text = plain(entry.text)
            number, head = self._layer.chain.append(Link(head, incident_id, sequence, kind, at, text, facts))
            self._rows.append((number, incident_id, sequence, kind, at, text, facts, head, None))
        return sequence, head

    def flush(self) -> None:
        """Insert what was collected."""
        rows, self._rows = self._rows, []
        if rows:
            self._layer.write(lambda connection: insert_rows(connection, timeline, rows))


def chain_all(connection: sa.Connection, chain: Chain, *, expected: str) -> None:
    """Chain entries that were stored before there was a chain, in the order of their numbers, which have no gap.

    Raises StoreError when there are others than that many.
    """
    count = connection.scalar(sa.select(sa.func.count()).select_from(timeline))
    # to hash anew what was hashed, or somebody blanked, would make whatever it says look genuine
    if is_hashed(connection) or str(count) != expected:
        raise StoreError(
            "the database does not say any more how many timeline entries it has: somebody has taken that away; "
            "`aether audit verify` says more, and a backup has it"
        )
    last: dict[str, tuple[int, str]] = {}
    hashes: list[tuple[str, int]] = []
    for row in connection.execute(sa.select(timeline).order_by(timeline.c.number)):
        _, head = last.get(row.incident_id, (0, FIRST))
        number, head = chain.append(
            Link(head, row.incident_id, row.sequence, row.kind, micros(row.at), row.text, row.facts)
        )
        hashes.append((head, number))
        last[row.incident_id] = (row.sequence, head)
    update_rows(connection, timeline, ("hash",), hashes)
    update_rows(connection, incidents, ("entries", "head"), [(*place, key) for key, place in last.items()])


def is_hashed(connection: sa.Connection) -> bool:
    """Whether any entry was hashed with a key."""
    return connection.execute(sa.select(timeline.c.number).where(timeline.c.hash != "").limit(1)).first() is not None


def page(connection: sa.Connection, incident_id: IncidentId, *, limit: int, after: int) -> list[StoredEntry]:
    """Entries in order, those with a sequence above `after`."""
    found = _PAGE.all(connection, {"its_incident": incident_id, "above": after, "most": limit})
    return [_entry(row) for row in found]


def after(connection: sa.Connection, number: int, *, limit: int) -> list[StoredEntry]:
    """Entries of all incidents in the order of their numbers, those above `number`."""
    return [_entry(row) for row in _AFTER.all(connection, {"above": number, "most": limit})]


def deeds(connection: sa.Connection, *, above: int, up_to: int, limit: int) -> list[StoredEntry]:
    """See ports.IncidentRows: sought by the words, so that only what may be one is taken apart."""
    says = {f"says_{name}": f'%"{name}":%' for name in WHO_FACTS}
    found = _DEEDS.all(connection, {"above": above, "up_to": up_to, "most": limit, **says})
    return [_entry(row) for row in found]


def latest(
    connection: sa.Connection, incident_id: IncidentId, *, limit: int, kind: EventKind | None = None
) -> list[StoredEntry]:
    """The newest entries, the newest first; with `kind` only those of this kind."""
    values = {"its_incident": incident_id, "most": limit}
    if kind is None:
        return [_entry(row) for row in _LATEST.all(connection, values)]
    return [_entry(row) for row in _LATEST_OF_KIND.all(connection, {**values, "its_kind": kind.value})]


def _entry(row: Any) -> StoredEntry:
    facts = msgspec.json.decode(row.facts) if row.facts else {}
    entry = Entry(kind=EventKind(row.kind), at=row.at, text=row.text, facts=facts)
    return StoredEntry(IncidentId(row.incident_id), row.sequence, entry, row.number, row.hash)
