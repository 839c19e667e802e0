"""Whether the timeline of one incident is as it was stored: a look for people who read it, not the audit of the whole.

Called by SqlIncidentRows. What is missing beyond one incident only `aether audit verify` can tell.
"""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from aetherlink.lib.hash_chain import FIRST, PRUNED_FACTS, PRUNED_TEXT, Chain, Link
from aetherlink.model.audit import ChainState
from aetherlink.model.ids import IncidentId
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import incidents, timeline


class _Stored(NamedTuple):
    """What is looked at of an entry."""

    number: int
    sequence: int
    kind: str
    at: int
    text: str
    facts: str
    hash: str
    pruned: str | None


_ENTRIES = Prepared(
    sa.select(
        *(timeline.c[name] for name in ("number", "sequence", "kind")),
        sa.type_coerce(timeline.c.at, sa.BigInteger).label("at"),  # as it lies there: that is what is hashed
        *(timeline.c[name] for name in ("text", "facts", "hash", "pruned")),
    )
    .where(timeline.c.incident_id == sa.bindparam("its_incident"))
    .order_by(timeline.c.sequence)
    .limit(sa.bindparam("most")),
    row=_Stored,
)


def check(connection: sa.Connection, chain: Chain, incident_id: IncidentId, *, most: int) -> ChainState:
    """Look at its entries from the first one on, so many at most."""
    head = connection.execute(
        sa.select(incidents.c.entries, incidents.c.head).where(incidents.c.id == incident_id)
    ).first()
    # one more: an entry behind the last one is a change, too
    rows: list[_Stored] = _ENTRIES.all(connection, {"its_incident": incident_id, "most": most + 1})
    checked, last, first_bad = _walk(chain, incident_id, rows[:most])
    is_whole = len(rows) <= most
    if first_bad is None and is_whole and (head is None or (head.entries, head.head) != (checked, last)):
        first_bad = checked + 1
    return ChainState(checked, first_bad, is_whole)


def _walk(chain: Chain, incident_id: IncidentId, rows: Iterable[_Stored]) -> tuple[int, str, int | None]:
    """How many entries fit, the hash of the last one, and the first one that does not fit."""
    checked, previous = 0, FIRST
    for row in rows:
        link = Link(previous, incident_id, row.sequence, row.kind, row.at, row.text, row.facts)
        if row.sequence != checked + 1 or not _is_as_stored(chain, row, link):
            return checked, previous, checked + 1
        checked, previous = row.sequence, row.hash
    return checked, previous, None


def _is_as_stored(chain: Chain, row: _Stored, link: Link) -> bool:
    if row.pruned is None:
        return chain.fits(row.number, link, row.hash)
    is_bare = (link.text, link.facts) == (PRUNED_TEXT, PRUNED_FACTS)
    return is_bare and row.pruned == chain.prove_pruned(row.number, link, row.hash)
