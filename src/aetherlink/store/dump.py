"""Rows as they are stored, out of one database and into another: the same plain values on SQLite and PostgreSQL.

JSON travels as its stored text, byte for byte, for hashes rest on it; instants as the integers that they are.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

Row = Sequence[object]

_AT_ONCE = 500
_LARGE_AT_ONCE = 1  # a row of bytes may hold megabytes


@dataclass(frozen=True, slots=True)
class Shape:
    """A table with its columns; `binary`, `booleans` and `documents` (JSON) are those that need care."""

    name: str
    columns: tuple[str, ...]
    binary: frozenset[str]
    booleans: frozenset[str]
    documents: frozenset[str]

    def ordered(self, columns: Sequence[str]) -> "Shape":
        """The same table with its columns in another order."""
        return replace(self, columns=tuple(columns))

    @property
    def at_once(self) -> int:
        """How many rows are held in memory at a time."""
        return _LARGE_AT_ONCE if self.binary else _AT_ONCE


def shapes(connection: sa.Connection, names: Iterable[str]) -> list[Shape]:
    """The shapes of these tables, each behind those that it refers to."""
    inspector = sa.inspect(connection)
    wanted = set(names)
    ordered = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name is not None]
    return [_shape(name, inspector.get_columns(name)) for name in ordered if name in wanted]


def rows(connection: sa.Connection, shape: Shape) -> Iterator[Row]:
    """Every row of the table, streamed."""
    table = _table(shape)
    columns = [
        sa.cast(column, sa.Text).label(column.name) if column.name in shape.documents else column for column in table.c
    ]
    streamed = {"stream_results": True, "yield_per": shape.at_once}
    for row in connection.execute(sa.select(*columns), execution_options=streamed):
        yield tuple(row)


def insert(connection: sa.Connection, shape: Shape, found: Iterable[Row]) -> None:
    """Store the rows, a few at a time."""
    statement = sa.insert(_table(shape))
    remaining = iter(found)
    while chunk := list(itertools.islice(remaining, shape.at_once)):
        connection.execute(statement, [dict(zip(shape.columns, row, strict=True)) for row in chunk])


def restart_counter(connection: sa.Connection, shape: Shape) -> None:
    """PostgreSQL counts ids apart from the rows: the next one has to come after those that were put there."""
    if connection.dialect.name != "postgresql":
        return
    for column in sa.inspect(connection).get_columns(shape.name):
        if "nextval" in (column["default"] or ""):
            counter = sa.func.pg_get_serial_sequence(shape.name, column["name"])
            highest = sa.select(sa.func.max(sa.column(column["name"]))).select_from(_table(shape)).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(counter, highest)))


def _shape(name: str, columns: Iterable[Any]) -> Shape:
    kinds = {column["name"]: column["type"] for column in columns}

    def of(kind: type[sa.types.TypeEngine[Any]]) -> frozenset[str]:
        return frozenset(each for each, found in kinds.items() if isinstance(found, kind))

    return Shape(name, tuple(kinds), binary=of(sa.LargeBinary), booleans=of(sa.Boolean), documents=of(sa.JSON))


def _table(shape: Shape) -> sa.TableClause:
    return sa.table(shape.name, *(sa.column(name, _kind(shape, name)) for name in shape.columns))


def _kind(shape: Shape, column: str) -> sa.types.TypeEngine[Any]:
    if column in shape.binary:
        return sa.LargeBinary()
    return sa.Boolean() if column in shape.booleans else sa.types.NullType()
