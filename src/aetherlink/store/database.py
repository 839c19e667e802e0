"""The store as the rest of the house sees it: `write` on the one writer, `read` on connections that cannot write."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.ports import Transaction
from aetherlink.store import schema, sqlite
from aetherlink.store.lock import FileLock
from aetherlink.store.transaction import SqlTransaction
from aetherlink.store.writer import Writer

T = TypeVar("T")

_READERS = 4


class SqlStore:
    """See ports.Store. `open` before use, `close` after; both block.

    `busy_milliseconds` bounds the wait for another program that holds the file's lock. `before_migration` is called
    before data is brought to the revision that it is given.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_milliseconds: int = sqlite.BUSY_MILLISECONDS,
        before_migration: Callable[[sa.Engine, str], None] = lambda _reading, _revision: None,
    ) -> None:
        self._path = path
        self._before_migration = before_migration
        self._lock = FileLock(path)
        self._writing = sqlite.writing_engine(path, busy_milliseconds=busy_milliseconds)
        self._reading = sqlite.reading_engine(path, connections=_READERS, busy_milliseconds=busy_milliseconds)
        self._writer = Writer(self._writing)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    def open(self) -> None:
        """Make the folder and the schema, start the writer.

        Raises StoreError when the database cannot be used, or when another process uses it.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.take()
            sqlite.make_private(self._path)
            schema.upgrade(self._writing, before=lambda: self._before_migration(self._reading, schema.newest()))
        except (OSError, sa.exc.SQLAlchemyError) as problem:
            cause = getattr(problem, "orig", None) or problem
            raise StoreError(f"the database {self._path} cannot be used: {cause}") from problem
        self._writer.start()

    def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        self._writer.stop()
        self.dispose()

    def dispose(self) -> None:
        """Let go of the file without having opened it well."""
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()
        self._lock.release()

    @property
    def is_alive(self) -> bool:
        """Whether the writer runs."""
        return self._writer.is_alive

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on the one writer; returns after the commit that holds it."""
        return await self._writer.run(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a connection that cannot write, in one consistent view."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            with self._reading.connect() as connection, connection.begin():
                return work(SqlTransaction(connection))
        except sa.exc.SQLAlchemyError as problem:
            cause = getattr(problem, "orig", None) or problem
            raise StoreError(f"the store could not read: {type(cause).__name__}: {cause}") from problem
