"""Incidents by how urgent they are: listed and counted from one narrow index, whatever else is stored."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from aetherlink.model.incidents import IncidentFilter, IncidentStatus, Severity, priority_of, severity_at
from aetherlink.store import heads
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import incidents

_NUMBERS = Prepared(
    sa.select(incidents.c.priority, sa.func.count().label("number")).where(heads.IS_OPEN).group_by(incidents.c.priority)
)


def priorities_of(only: IncidentFilter) -> Sequence[int] | None:
    """Those that fit, where the filter asks for a status and for urgency alone; None: it asks for something else."""
    if only.status is None or only != IncidentFilter(only.status, only.severity, vip=only.vip):
        return None
    severities = list(Severity) if only.severity is None else [only.severity]
    either = (True, False) if only.vip is None else (only.vip,)
    return [priority_of(severity, vip=vip) for vip in either for severity in severities]


def newest(
    connection: sa.Connection, status: IncidentStatus, priorities: Sequence[int], *, limit: int, before: str | None
) -> list[Any]:
    """The rows of the newest that stand so, all that there are however long ago they began, so many at most."""
    values = {f"priority_{place}": priority for place, priority in enumerate(priorities)}
    asked = values | {"its_status": status.value, "most": limit, "below": before}
    return _newest(len(priorities), is_first=before is None).all(connection, asked)


def open_by_severity(connection: sa.Connection) -> dict[str, int]:
    """How many are open; a severity that none has is not there."""
    counted = Counter[str]()
    for row in _NUMBERS.all(connection):
        counted[severity_at(row.priority).value] += row.number
    return dict(counted)


@lru_cache(maxsize=16)
def _newest(priorities: int, *, is_first: bool) -> Prepared:
    """The newest of each priority, found in their order, and of these the newest."""
    is_so = incidents.c.status == sa.bindparam("its_status")
    below = () if is_first else (incidents.c.id < sa.bindparam("below"),)
    parts = [
        sa.select(incidents.c.id)
        .where(is_so, incidents.c.priority == sa.bindparam(f"priority_{place}"), *below)
        .order_by(incidents.c.id.desc())
        .limit(sa.bindparam("most"))
        .subquery(f"of_{place}")
        for place in range(priorities)
    ]
    ids = sa.union_all(*(sa.select(part.c.id) for part in parts)) if len(parts) > 1 else sa.select(parts[0].c.id)
    query = sa.select(incidents).where(incidents.c.id.in_(ids))
    return Prepared(query.order_by(incidents.c.id.desc()).limit(sa.bindparam("most")))
