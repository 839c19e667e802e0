"""Fails one call to the database: the n-th statement or commit from now on, or the answer to the n-th commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import sqlalchemy as sa

_STATEMENTS = ("do_execute", "do_executemany", "do_execute_no_params")


class Fault(Enum):
    """What is failed."""

    CALL = "a statement or commit is not carried out"
    ANSWER = "a commit is carried out, and nobody learns of it"


@dataclass
class FailingEngine:
    """An engine that fails when it is told to; statements fail as the driver's would, so SQLAlchemy takes them so."""

    engine: sa.Engine
    _left: int = 0
    _fault: Fault = Fault.CALL
    has_struck: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        for event in _STATEMENTS:
            sa.event.listen(self.engine, event, self._statement)
        self._commit: Callable[[Any], None] = self.engine.dialect.do_commit
        self.engine.dialect.do_commit = self._failing_commit  # type: ignore[method-assign] # there is no event inside

    def fail(self, n: int, fault: Fault) -> None:
        """Fail the n-th such call from now on."""
        self._left, self._fault, self.has_struck = n, fault, False

    def _statement(self, *_: object) -> None:
        if self._fault is Fault.CALL:
            self._count()

    def _failing_commit(self, connection: object) -> None:
        if self._fault is Fault.CALL:
            self._count()
        self._commit(connection)
        if self._fault is Fault.ANSWER:
            self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.has_struck = True
            raise self.engine.dialect.loaded_dbapi.OperationalError("this call was made to fail")
