"""Between rows and the words of the model: nested values travel as JSON, closed sets by their own names."""

from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T")


def to_json(value: object) -> Any:
    """A dataclass, enum or None as JSON values."""
    return msgspec.to_builtins(value)


def from_json(value: object, kind: type[T]) -> T:
    """JSON values as the dataclass; raises msgspec.ValidationError when the row does not fit."""
    return msgspec.convert(value, kind)


def page_of(
    connection: sa.Connection, query: sa.Select[Any], *, order: sa.Column[Any], limit: int, before: str | None
) -> tuple[list[sa.Row[Any]], str | None]:
    """The newest `limit` rows below the cursor `before`, and the cursor of the next page or None."""
    wanted = query.order_by(order.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(order < before)
    rows = list(connection.execute(wanted))
    more = len(rows) > limit
    return rows[:limit], str(getattr(rows[limit - 1], order.name)) if more else None
