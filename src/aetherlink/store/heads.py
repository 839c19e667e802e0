"""The heads of incidents: what filing alerts needs of them, read and written with plain values on the hot path."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from aetherlink.model.incidents import IncidentHead, IncidentStatus, Origin, Severity, Stage
from aetherlink.store import rows
from aetherlink.store.statements import instant, maybe_instant, maybe_micros, micros, run, text_of, update_rows
from aetherlink.store.tables import incidents

_MOST_NEW = 1000  # among which those are looked for that began lately
_NAMES = tuple(name for name in IncidentHead.__struct_fields__ if name not in ("is_recast", "is_rewoken"))
IS_OPEN = incidents.c.status == sa.literal_column(f"'{IncidentStatus.OPEN.value}'")  # so that its index is used
_STANDS = sa.or_(IS_OPEN, incidents.c.firing > sa.literal_column("0"))
_IS_LATELY_CLOSED = sa.and_(~IS_OPEN, incidents.c.resolved_at >= sa.bindparam("after", type_=sa.BigInteger))
_IDENTITY = ("key", "origin", "tenant", "service", "title", "severity", "vip", "priority")  # indexed, hardly ever new
_CHANGING = (
    "firing",
    "is_symptom",
    "fires",
    "flapping_until",
    "planned_through",
    "updated_at",
    "entries",
    "head",
    "version",
)
# By plain words and numbers, as rows hold them: a look into a dictionary is quicker than a call of the class.
_ORIGINS: dict[str, Origin] = {each.value: each for each in Origin}
_SEVERITIES: dict[str, Severity] = {each.value: each for each in Severity}
_STATUSES: dict[str, IncidentStatus] = {each.value: each for each in IncidentStatus}
_STAGES: dict[str, Stage] = {each.value: each for each in Stage}
_instant: Callable[[Any], datetime] = instant
_maybe_instant: Callable[[Any], datetime | None] = maybe_instant
_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(list[int]).decode


class Changes(NamedTuple):
    """Rows for `update`: of all that changed, and more of those whose timer, or identity or priority, is another.

    Apart, for these columns are in an index, which is written anew whenever they are named.
    """

    standing: list[tuple[Any, ...]]
    rewoken: list[tuple[Any, ...]]
    recast: list[tuple[Any, ...]]


def open_by(connection: sa.Connection, name: str, values: Collection[str]) -> list[IncidentHead]:
    """The open incidents whose `name` is one of these; by id also those closed by hand while alerts of theirs fired."""
    return _found(connection, name, values, is_open=True, more=())


def closed_by_key(connection: sa.Connection, keys: Collection[str], after: datetime) -> list[IncidentHead]:
    """The incidents with these keys that were closed at or after this instant, the newest first."""
    return _found(connection, "key", keys, is_open=False, more=(micros(after),))


def open_since(connection: sa.Connection, source: str, since: datetime) -> list[IncidentHead]:
    """Open incidents of the source that were opened at or after this instant, the newest first, some at most.

    Of the newest ones only, so that many that are open cost nothing.
    """
    found = run(connection, _lately(connection.dialect.name), (source, micros(since)))
    return [_head(row) for row in found.fetchall()]


def newest() -> sa.ScalarSelect[str]:
    """The ids of the newest incidents, open or not."""
    ids = sa.select(incidents.c.id).order_by(incidents.c.id.desc())
    return ids.limit(sa.literal_column(str(_MOST_NEW))).offset(sa.literal_column("0")).scalar_subquery()


def changes(changed: Sequence[IncidentHead]) -> Changes:
    """How they stand, as rows."""
    return Changes(
        [_changes(one) for one in changed],
        [(maybe_micros(one.wake_at), one.id) for one in changed if one.is_rewoken],
        [_identity(one) for one in changed if one.is_recast],
    )


def update(connection: sa.Connection, changed: Changes) -> None:
    """Store how they stand."""
    update_rows(connection, incidents, _CHANGING, changed.standing)
    update_rows(connection, incidents, ("wake_at",), changed.rewoken)
    update_rows(connection, incidents, _IDENTITY, changed.recast)


def written(fires: Sequence[datetime]) -> str:
    """Instants as the column `fires` holds them."""
    return _to_json([micros(each) for each in fires]).decode() if fires else "[]"


def read(fires: str) -> tuple[datetime, ...]:
    """What `written` wrote."""
    return () if fires == "[]" else tuple(instant(each) for each in _from_json(fires))


def _found(
    connection: sa.Connection, name: str, values: Collection[str], *, is_open: bool, more: tuple[int, ...]
) -> list[IncidentHead]:
    found: list[IncidentHead] = []
    for part in rows.parts(values):
        size = 1 << (len(part) - 1).bit_length()  # few sizes, so that few statements are compiled
        named = (*part, *([part[-1]] * (size - len(part))))
        text = _named(name, size, is_open=is_open, dialect=connection.dialect.name)
        found += [_head(row) for row in run(connection, text, (*named, *more)).fetchall()]
    return found


@lru_cache(maxsize=64)
def _named(name: str, size: int, *, is_open: bool, dialect: str) -> str:
    values = [sa.bindparam(f"value_{place}", type_=sa.Text) for place in range(size)]
    condition = _IS_LATELY_CLOSED
    if is_open:
        condition = _STANDS if name == "id" else IS_OPEN
    query = _select().where(incidents.c[name].in_(values), condition).order_by(incidents.c.id.desc())
    return text_of(query, dialect)


@lru_cache(maxsize=2)
def _lately(dialect: str) -> str:
    began = incidents.c.opened_at >= sa.bindparam("since", type_=sa.BigInteger)
    of_source = incidents.c.source == sa.bindparam("source", type_=sa.Text)
    query = _select().where(incidents.c.id.in_(newest()), IS_OPEN, of_source, began)
    return text_of(query.order_by(incidents.c.id.desc()), dialect)


def _select() -> sa.Select[Any]:
    return sa.select(*(incidents.c[name] for name in _NAMES))


def _head(row: Sequence[Any]) -> IncidentHead:
    head = IncidentHead(*row)
    head.origin = _ORIGINS[head.origin]
    head.severity = _SEVERITIES[head.severity]
    head.status = _STATUSES[head.status]
    head.stage = _STAGES[head.stage]
    head.vip, head.is_symptom = bool(head.vip), bool(head.is_symptom)
    head.fires = read(str(head.fires))
    head.opened_at, head.updated_at = _instant(head.opened_at), _instant(head.updated_at)
    head.flapping_until = _maybe_instant(head.flapping_until)
    head.resolved_at = _maybe_instant(head.resolved_at)
    head.wake_at = _maybe_instant(head.wake_at)
    return head


def _changes(one: IncidentHead) -> tuple[Any, ...]:
    """In the order of _CHANGING, then the id."""
    return (
        one.firing,
        one.is_symptom,
        written(one.fires),
        maybe_micros(one.flapping_until),
        one.planned_through,
        micros(one.updated_at),
        one.entries,
        one.head,
        one.version,
        one.id,
    )


def _identity(one: IncidentHead) -> tuple[Any, ...]:
    """In the order of _IDENTITY, then the id."""
    how_bad = (one.severity.value, one.vip, one.priority)
    return (one.key, one.origin.value, one.tenant, one.service, one.title, *how_bad, one.id)
