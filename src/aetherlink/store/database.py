"""The store as the rest of the house sees it: `write` on the one writer, `read` on connections that cannot write."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.lib.hash_chain import Tally
from aetherlink.ports import Transaction
from aetherlink.store import schema
from aetherlink.store.index import AlertIndex
from aetherlink.store.memory import KeySource, Memory
from aetherlink.store.place import Place
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.store.transaction import SqlTransaction
from aetherlink.store.writer import Writer

T = TypeVar("T")

_READERS = 4


class SqlStore:
    """See ports.Store. `open` before use, `close` after; both block. A path is the place of an SQLite file.

    `key` gives the key of the timelines' chain, `is_anchored` whether there was an anchor of it already.
    `before_migration` is called before data is brought to the revision that it is given.
    """

    def __init__(
        self,
        where: Place | Path,
        *,
        key: KeySource,
        is_anchored: Callable[[], bool] = lambda: False,
        before_migration: Callable[[sa.Engine, str], None] = lambda _reading, _revision: None,
    ) -> None:
        self._place: Place = SqlitePlace(where) if isinstance(where, Path) else where
        self._before_migration = before_migration
        self._memory = Memory(key, is_anchored)
        self._writer = Writer(self._place.writing, self._memory, begins_here=self._place.is_at_hand)
        self._can_read = True
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    def open(self) -> None:
        """Take the database, bring it to the newest schema, start the writer.

        Raises StoreError when the database cannot be used, or when another agent uses it.
        """
        try:
            self._take()
        except BaseException:
            self._place.release()
            raise
        self._writer.start()

    def close(self) -> None:
        """Finish what is queued, then let go of the database."""
        self._writer.stop()
        self.dispose()

    def dispose(self) -> None:
        """Let go of the database without having opened it well."""
        self._readers.shutdown()
        self._place.release()

    @property
    def tally(self) -> Tally:
        """How far the chain has come, as committed."""
        return self._memory.tally

    @property
    def standings(self) -> AlertIndex:
        """What is known of every alert, in memory."""
        return self._memory.index

    @property
    def is_alive(self) -> bool:
        """Whether the writer runs, and this agent is the one that may write."""
        return self._writer.is_alive and self._place.is_ours

    @property
    def can_read(self) -> bool:
        """Whether the latest read was answered; before the first one it counts as such."""
        return self._can_read

    def _take(self) -> None:
        try:
            self._place.take()
            schema.upgrade(
                self._place.writing, before=lambda: self._before_migration(self._place.reading, schema.newest())
            )
            self._place.enter()
            with self._place.writing.begin() as connection:
                self._memory.load(connection)
        except (OSError, sa.exc.SQLAlchemyError, sqlite3.Error) as problem:
            raise StoreError(f"{self._place.name} cannot be used: {_cause(problem)}") from problem

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        """See ports.Store."""
        return await self._writer.run(work, is_brief=is_brief)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a connection that cannot write, in one consistent view."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            with self._place.reading.connect() as connection, connection.begin():
                found = work(SqlTransaction(self._memory.view(connection)))
        except sa.exc.SQLAlchemyError as problem:
            self._can_read = False
            cause = _cause(problem)
            raise StoreError(f"the store could not read: {type(cause).__name__}: {cause}") from problem
        self._can_read = True
        return found


def _cause(problem: Exception) -> BaseException:
    """What the driver said, without SQLAlchemy's wrapping: that shows the statement with its values."""
    return getattr(problem, "orig", None) or problem
