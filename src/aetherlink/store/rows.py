"""Between rows and the words of the model: nested values travel as JSON, closed sets by their own names."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T")

_FIRST_LOOK = 500  # rows: where many fit, a page is found among them, and no more are stepped over
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
    wanted = query.where(*_below(order, before)).order_by(order.desc()).limit(limit + 1)
    return cut(list(connection.execute(wanted)), order, limit)


def bounded_page(
    connection: sa.Connection,
    order: sa.Column[Any],
    fits: Sequence[sa.ColumnElement[bool]],
    *,
    within: Sequence[sa.ColumnElement[bool]] = (),
    most: int,
    limit: int,
    before: str | None,
) -> tuple[list[sa.Row[Any]], str | None]:
    """The rows that fit, newest first, among the next `most` rows; the cursor leads to what was not looked at.

    A filter that fits hardly anything would else read the whole table for one page. `within` narrows by what an index
    knows in this order: all that is looked at lies there.
    """
    if not fits:
        everything = sa.select(order.table).where(*within)
        return page_of(connection, everything, order=order, limit=limit, before=before)
    here = (*within, *_below(order, before))
    if most > _FIRST_LOOK:
        page, cursor, is_done = _windowed(connection, order, fits, here, window=_FIRST_LOOK, limit=limit)
        if is_done:
            return page, cursor
    page, cursor, _ = _windowed(connection, order, fits, here, window=most, limit=limit)
    return page, cursor


def _windowed(
    connection: sa.Connection,
    order: sa.Column[Any],
    fits: Sequence[sa.ColumnElement[bool]],
    here: Sequence[sa.ColumnElement[bool]],
    *,
    window: int,
    limit: int,
) -> tuple[list[Any], str | None, bool]:
    """A bounded page among the next `window` rows, and whether a larger window would find nothing else."""
    ids = sa.select(order).order_by(order.desc())
    last = connection.execute(ids.where(*here).limit(1).offset(window - 1)).scalar()
    if last is not None:
        here = (*here, order >= last)
    fitting = ids.where(*here, *fits).limit(limit + 1).scalar_subquery()
    found = list(connection.execute(sa.select(order.table).where(order.in_(fitting)).order_by(order.desc())))
    page, cursor = cut(found, order, limit)
    return page, cursor if cursor is not None or last is None else str(last), cursor is not None or last is None


def unindexed(column: sa.Column[str]) -> sa.ColumnElement[str]:
    """The column for a condition that must not choose the index: rows found by it would have to be sorted, all."""
    return column.concat("")


def _below(order: sa.Column[Any], before: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    """PostgreSQL compares no number with a text."""
    return () if before is None else (order < order.type.python_type(before),)


def cut(rows: list[Any], order: sa.Column[Any], limit: int) -> tuple[list[Any], str | None]:
    """The page of what was found, which is one row more when there is a next one."""
    return rows[:limit], str(getattr(rows[limit - 1], order.name)) if len(rows) > limit else None
