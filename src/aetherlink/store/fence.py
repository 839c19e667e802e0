"""Sees to it that one agent alone writes to a PostgreSQL database, also across broken connections.

Two things together. The session that writes holds an advisory lock; the server lets go of it when the session ends,
and a session that has ended commits nothing more. And a row says who wrote last, under which number: every transaction
reads it first and keeps it from changing until its commit. So an agent whose session broke can tell, before it goes
on, whether another one has been there meanwhile: what it remembers of the database would be wrong then.
"""

import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from aetherlink.errors import StoreError
from aetherlink.store.tables import agent_state

_KEY = int.from_bytes(b"aetherlk")  # of the advisory lock; locks count within one database
_ROW = "epoch"
_LOCK_NOT_AVAILABLE = "55P03"

_CHECK = "SELECT value FROM agent_state WHERE name = 'epoch' FOR SHARE"
_READ = "SELECT value FROM agent_state WHERE name = 'epoch' FOR UPDATE"
_WRITE = "UPDATE agent_state SET value = %s WHERE name = 'epoch'"
_WAIT = "SET LOCAL lock_timeout = '3s'"  # for the session of an agent that has just ended
_LOCK = "SELECT pg_advisory_lock(%s)"
_TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
_WHO = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = "SELECT pg_terminate_backend(pid, 200) FROM pg_stat_activity WHERE (pid, backend_start) = (%s, %s)"

_log = logging.getLogger("aetherlink.store")


class Fence:
    """The lock and the row of one agent. `owner` tells this process from every other one."""

    def __init__(self, database: str, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._session: tuple[Any, ...] | None = None  # which one holds the lock, as the server knows it
        self._epoch: int | None = None
        self._is_lost = False

    @property
    def is_lost(self) -> bool:
        """Whether another agent has taken over. That stays so."""
        return self._is_lost

    def take(self, connection: sa.Connection) -> None:
        """The first session: wait a little for the lock. Raises StoreError when another agent keeps it."""
        connection.exec_driver_sql(_WAIT)
        try:
            connection.exec_driver_sql(_LOCK, (_KEY,))
        except sa.exc.OperationalError as problem:
            if getattr(problem.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise StoreError(
                f"another agent uses {self._database}: stop it, or set `database_url` (AETHER_DATABASE_URL) to "
                "another database"
            ) from problem
        self._session = tuple(connection.exec_driver_sql(_WHO).one())

    def enter(self, connection: sa.Connection) -> None:
        """The tables are there: write down that this agent is the one that writes."""
        stored = connection.scalar(sa.select(agent_state.c.value).where(agent_state.c.name == _ROW).with_for_update())
        epoch = 1 + (0 if stored is None else _number(stored))
        if stored is None:
            connection.execute(sa.insert(agent_state).values(name=_ROW, value=self._value(epoch)))
        else:
            connection.exec_driver_sql(_WRITE, (self._value(epoch),))
        self._epoch = epoch

    def check(self, connection: sa.Connection) -> None:
        """Each transaction begins with this. Raises StoreError when this agent may not write any more."""
        if self._epoch is not None and connection.exec_driver_sql(_CHECK).scalar() != self._value(self._epoch):
            raise self._lost()

    def renew(self, connection: DBAPIConnection) -> None:
        """A session after one that broke: take the lock again, if nobody else has written in between."""
        if self._is_lost:
            raise self._lost()
        if self._session is None:  # the very first one: `take` comes next
            return
        if self._epoch is None:
            raise StoreError(f"the connection to {self._database} broke before it was in use")
        cursor = connection.cursor()
        has_lock = _one(cursor, _TRY_LOCK, _KEY)[0]
        stored = _one(cursor, _READ)
        # The number may be the next one already: that of a renewal whose commit was not heard of.
        if stored is None or stored[0] not in (self._value(self._epoch), self._value(self._epoch + 1)):
            raise self._lost()
        if not has_lock:
            _one(cursor, _END, *self._session)  # the server has not noticed that it is gone
            connection.commit()
            raise StoreError(f"the earlier session of this agent still holds {self._database}")
        self._epoch = _number(stored[0]) + 1
        cursor.execute(_WRITE, (self._value(self._epoch),))
        self._session = _one(cursor, _WHO)
        connection.commit()

    def _value(self, epoch: int) -> str:
        return f"{epoch} {self._owner}"

    def _lost(self) -> StoreError:
        if not self._is_lost:
            self._is_lost = True
            _log.error("Another agent has taken over %s: this one writes no more until it is restarted", self._database)
        return StoreError(f"another agent has taken over {self._database}: this one writes no more")


def _one(cursor: DBAPICursor, statement: str, *values: object) -> Any:
    cursor.execute(statement, values)
    return cursor.fetchone()


def _number(stored: str) -> int:
    return int(stored.partition(" ")[0])
