"""Statements that are made once and run on the driver's own connection, over and over.

SQLAlchemy's way from a statement to its rows takes several times as long as the statement: what the pipeline asks at
every look goes by here. Values and rows are turned as the types of their columns say, so that nothing is written twice.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from aetherlink.store.statements import Cursor, maybe_instant, maybe_micros, positional, run
from aetherlink.store.tables import Instant

Turn = Callable[[Any], Any] | None
_NOTHING: Mapping[str, Any] = {}


class Prepared:
    """One select, insert or update. Its parameters are named; a list that expands, or is empty, is none of them.

    Rows are named tuples, or made by `row` from the values of a row in their order. Raises what SQLAlchemy would raise,
    and ValueError for a statement that is only whole once its values are known.
    """

    def __init__(
        self, statement: sa.Select[Any] | sa.Insert | sa.Update, *, row: Callable[..., Any] | None = None
    ) -> None:
        self._statement = statement
        self._row = row
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: sa.Connection, values: Mapping[str, Any] = _NOTHING) -> list[Any]:
        """The rows."""
        compiled = self._for(connection)
        return compiled.rows(compiled.run(connection, values).fetchall())

    def first(self, connection: sa.Connection, values: Mapping[str, Any] = _NOTHING) -> Any:
        """The first of its rows, which are few, or None."""
        return next(iter(self.all(connection, values)), None)

    def change(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        return self._for(connection).run(connection, values).rowcount

    def _for(self, connection: sa.Connection) -> "_Compiled":
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = _Compiled(self._statement, connection.dialect, self._row)
        return self._compiled[name]


class _Compiled:
    """The statement in one dialect's words."""

    def __init__(
        self, statement: sa.Select[Any] | sa.Insert | sa.Update, dialect: sa.Dialect, row: Callable[..., Any] | None
    ) -> None:
        compiled = statement.compile(dialect=positional(dialect.name))
        self._text = str(compiled)
        if "POSTCOMPILE" in self._text:
            raise ValueError(f"a list that expands, or is empty, cannot be prepared: {self._text}")
        self._given = compiled.params
        self._order = [(name, _to_driver(compiled.binds[name].type, dialect)) for name in compiled.positiontup or ()]
        columns = list(statement.selected_columns) if isinstance(statement, sa.Select) else []
        self._row = row or _row_of([str(each.key) for each in columns])
        turns = [_from_driver(each.type, dialect) for each in columns]
        self._turns = [(place, turn) for place, turn in enumerate(turns) if turn is not None]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Cursor:
        """Run it; what is not among the values is as the statement has it."""
        given = {**self._given, **values}
        plain = tuple(given[name] if turn is None else turn(given[name]) for name, turn in self._order)
        return run(connection, self._text, plain)

    def rows(self, found: Iterable[tuple[Any, ...]]) -> list[Any]:
        """What the driver gave, with names, each value as its column's type has it."""
        return [self._row(*self._turned(row)) for row in found]

    def _turned(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, turn in self._turns:
            values[place] = turn(values[place])
        return values


def _row_of(names: list[str]) -> Callable[..., Any]:
    kind: Callable[..., Any] = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 - the names come from a table
    return kind


def _to_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Turn:
    if isinstance(kind, Instant):  # there are many, and SQLAlchemy's way to the same takes three times as long
        return maybe_micros
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Turn:
    if isinstance(kind, Instant):
        return maybe_instant
    return kind.dialect_impl(dialect).result_processor(dialect, None)
