"""Takes the words out of the timelines of incidents that were closed long ago.

The entries stay, with their hashes and a proof that retention emptied them: a chain with holes could not be told from
one that somebody cut. The incident stays as well, without its labels and its plan. An entry that is not as it was
stored stays as it is: a proof would make whatever was done to it look like retention.
"""

import logging
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aetherlink.lib.hash_chain import FIRST, PRUNED_FACTS, PRUNED_TEXT, Chain, Link
from aetherlink.model.incidents import IncidentStatus
from aetherlink.store.statements import micros, update_rows
from aetherlink.store.tables import incidents, timeline

_log = logging.getLogger("aetherlink.audit")


def prune(connection: sa.Connection, chain: Chain, before: datetime, *, limit: int) -> int:
    """Empty the timelines of incidents that were closed before this instant, the oldest first. Returns how many."""
    query = (
        sa.select(incidents.c.id)
        .where(
            incidents.c.status == IncidentStatus.RESOLVED.value,
            incidents.c.resolved_at < before,
            ~incidents.c.is_pruned,
        )
        .order_by(incidents.c.resolved_at)
        .limit(limit)
    )
    found = list(connection.scalars(query))
    for incident_id in found:
        update_rows(connection, timeline, ("text", "facts", "pruned"), _emptied(connection, chain, incident_id))
    gone: dict[str, Any] = {"labels": {}, "plan": None, "is_pruned": True}
    connection.execute(sa.update(incidents).where(incidents.c.id.in_(found)).values(gone))
    return len(found)


def _emptied(connection: sa.Connection, chain: Chain, incident_id: str) -> list[tuple[Any, ...]]:
    """Its entries as they stay: text, facts, proof, number; without those that are emptied already, or were changed."""
    query = sa.select(timeline).where(timeline.c.incident_id == incident_id).order_by(timeline.c.sequence)
    emptied = []
    previous = FIRST
    for row in connection.execute(query).all():
        link = Link(previous, incident_id, row.sequence, row.kind, micros(row.at), row.text, row.facts)
        if row.pruned is None and chain.fits(row.number, link, row.hash):
            proof = chain.prove_pruned(row.number, link, row.hash)
            emptied.append((PRUNED_TEXT, PRUNED_FACTS, proof, row.number))
        elif row.pruned is None:
            _log.error("AUDIT entry %d of the timelines was changed: see `aether audit verify`", row.number)
        previous = row.hash
    return emptied
