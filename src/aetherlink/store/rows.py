"""Between rows and the words of the model: nested values travel as JSON, closed sets by their own names."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T")

_MOST_LOOKED_AT = 20_000
_PART = 500  # SQLite bounds the number of variables of one statement


def to_json(value: object) -> Any:
    """A dataclass, enum or None as JSON values."""
    return msgspec.to_builtins(value)


def from_json(value: object, kind: type[T]) -> T:
    """JSON values as the dataclass; raises msgspec.ValidationError when the row does not fit."""
    return msgspec.convert(value, kind)


def parts(values: Collection[T]) -> Iterator[list[T]]:
    """The values in portions that one statement can name."""
    rest = iter(values)
    while part := list(islice(rest, _PART)):
        yield part


def page_of(
    connection: sa.Connection, query: sa.Select[Any], *, order: sa.Column[Any], limit: int, before: str | None
) -> tuple[list[sa.Row[Any]], str | None]:
    """The newest `limit` rows below the cursor `before`, and the cursor of the next page or None."""
    wanted = query.order_by(order.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(order < order.type.python_type(before))  # PostgreSQL compares no number with a text
    rows = list(connection.execute(wanted))
    more = len(rows) > limit
    return rows[:limit], str(getattr(rows[limit - 1], order.name)) if more else None


def bounded_page(
    connection: sa.Connection, query: sa.Select[Any], *, order: sa.Column[Any], limit: int, before: str | None
) -> tuple[list[sa.Row[Any]], str | None]:
    """As page_of, over a number that counts up; at most so many rows are looked at, however few of them fit.

    A filter that fits hardly anything would else read the whole table for one page.
    """
    top = int(before) - 1 if before is not None else connection.execute(sa.select(sa.func.max(order))).scalar() or 0
    bottom = top - _MOST_LOOKED_AT
    wanted = query.where(order <= top, order > bottom).order_by(order.desc()).limit(limit)
    found = list(connection.execute(wanted))
    reached = getattr(found[-1], order.name) if len(found) == limit else bottom + 1
    has_more = reached > 1 and connection.execute(sa.select(order).where(order < reached).limit(1)).first() is not None
    return found, str(reached) if has_more else None
