"""Statements for the hot path, compiled once: the driver gets a text and a tuple of plain values.

One statement carries many rows, for every statement costs a hand-over of the interpreter's lock to another thread and
back, which under load takes longer than the row.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol, cast

import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_INSERTED = 256  # rows of one statement: with sixteen columns 4,096 variables
_MOST_UPDATED = 32


@lru_cache(maxsize=4096)  # the alerts of a group begin together
def micros(instant: datetime) -> int:
    """Microseconds since 1970 UTC, as tables hold instants."""
    return (instant - EPOCH) // _MICROSECOND


def maybe_micros(instant: datetime | None) -> int | None:
    """As micros; None stays None."""
    return None if instant is None else micros(instant)


def maybe_instant(value: int | None) -> datetime | None:
    """As instant; None stays None."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def instant(value: int) -> datetime:
    """The instant that was stored as this number."""
    return EPOCH + timedelta(microseconds=value)


class Cursor(Protocol):
    """What both drivers' cursors have."""

    @property
    def rowcount(self) -> int: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


class _Driver(Protocol):
    def execute(self, text: str, values: tuple[Any, ...]) -> Cursor: ...


def run(connection: sa.Connection, text: str, values: tuple[Any, ...]) -> Cursor:
    """Run the statement on the driver's own connection, in the transaction that is open there.

    SQLAlchemy's way round costs several times as much as the statement. What it does with errors is done here too.
    """
    raw = connection.connection.driver_connection
    dialect = connection.dialect
    try:
        return cast("_Driver", raw).execute(text, values)
    except dialect.loaded_dbapi.Error as problem:
        is_gone = dialect.is_disconnect(problem, cast("Any", raw), None)
        if is_gone:
            connection.invalidate(problem)
        raise sa.exc.DBAPIError.instance(
            text, None, problem, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=is_gone
        ) from problem


def insert_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]], *, but: str | None = None
) -> None:
    """Insert rows of plain values, in the order of the table's columns; one column may be left to the database."""
    for part in _parts(rows, _MOST_INSERTED):
        text = _insert(table, len(part), but, connection.dialect.name)
        run(connection, text, tuple(chain.from_iterable(part)))


def update_rows(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Set these columns to plain values; the last value of each row is its primary key.

    How many rows there were is not told: SQLite's driver counts none for a statement that begins by WITH.
    """
    for part in _parts(rows, _MOST_UPDATED):
        text = _update(table, columns, len(part), connection.dialect.name)
        run(connection, text, tuple(chain.from_iterable(part)))


def _parts(rows: Sequence[tuple[Any, ...]], most: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows in parts whose sizes are powers of two: few sizes, so that few statements are compiled."""
    start, size = 0, most
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size


@lru_cache(maxsize=64)
def _insert(table: sa.Table, rows: int, but: str | None, dialect: str) -> str:
    blank: list[dict[str, Any]] = [{each.name: None for each in table.c if each.name != but}] * rows
    return text_of(sa.insert(table).values(blank), dialect)


@lru_cache(maxsize=64)
def _update(table: sa.Table, columns: tuple[str, ...], rows: int, dialect: str) -> str:
    [key] = table.primary_key.columns
    changing = [*(table.c[name] for name in columns), key]
    new = sa.union_all(*(_row(changing, place) for place in range(rows))) if rows > 1 else _row(changing, 0)
    found = new.cte("new")
    values: list[tuple[sa.Column[Any], Any]] = [(table.c[name], found.c[name]) for name in columns]
    return text_of(sa.update(table).where(key == found.c[key.name]).ordered_values(*values), dialect)


def _row(columns: Sequence[sa.ColumnElement[Any]], place: int) -> sa.Select[Any]:
    """A select of nothing but parameters, named as the columns are."""
    return sa.select(*(sa.bindparam(f"{one.key}_{place}", type_=one.type).label(str(one.key)) for one in columns))


def text_of(statement: sa.sql.ClauseElement, dialect: str) -> str:
    """The statement as the driver takes it, its parameters by their place."""
    return str(statement.compile(dialect=positional(dialect)))


@lru_cache(maxsize=4)
def positional(dialect: str) -> sa.Dialect:
    """The dialect with parameters by their place."""
    url = {"sqlite": "sqlite+pysqlite://", "postgresql": "postgresql+psycopg://"}[dialect]
    paramstyle = {"sqlite": "qmark", "postgresql": "format"}[dialect]
    kind: Callable[..., sa.Dialect] = sa.make_url(url).get_dialect()
    return kind(paramstyle=paramstyle)
