"""SQLite as this product uses it: WAL, synchronous=FULL, one writer, every other connection query_only."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.store.lock import FileLock
from aetherlink.store.place import MAY_WAIT, LockedError
from aetherlink.store.statements import run

BUSY_MILLISECONDS = 400  # four such waits in a row, the most that an alert meets, stay under 2 s
PRIVATE = 0o600

_READERS = 4
_LOOK_SECONDS = 1.0
_LOG = "log"  # under this a connection remembers which file its log is
_GONE = (0, 0)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqlitePlace:
    """See Place. `busy_milliseconds` bounds the wait for another program that holds the file's lock."""

    def __init__(self, path: Path, *, busy_milliseconds: int = BUSY_MILLISECONDS) -> None:
        self._path = path
        self._lock = FileLock(path)
        self._log = _WriteAheadLog(path)
        self._patience = f"PRAGMA busy_timeout={busy_milliseconds}"
        self.name = f"the database {path}"
        self.writing = writing_engine(path, busy_milliseconds=busy_milliseconds, begin=self._begin)
        self.reading = reading_engine(path, connections=_READERS, busy_milliseconds=busy_milliseconds)

    @property
    def is_at_hand(self) -> bool:
        """See Place."""
        return True

    @property
    def is_ours(self) -> bool:
        """See Place: the file's lock is held until the process ends."""
        return True

    def take(self) -> None:
        """See Place."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.take()
        self._log.refuse_if_missing()
        make_private(self._path)
        self._refuse_damaged()

    def enter(self) -> None:
        """See Place: there is nothing to do."""

    def release(self) -> None:
        """See Place."""
        self.writing.dispose()
        self.reading.dispose()
        self._lock.release()

    def _begin(self, connection: sa.Connection) -> None:
        """Before each transaction that may write: is the log still the one that a later start would find?"""
        if self._log.was_taken_away(connection):
            self._save(connection)
        if connection.get_execution_options().get(MAY_WAIT, True):
            _begin_immediately(connection)
        else:
            self._begin_at_once(connection)
        self._log.note(connection)

    def _begin_at_once(self, connection: sa.Connection) -> None:
        """Raises LockedError where another program would have to be waited for."""
        run(connection, "PRAGMA busy_timeout=0", ()).fetchall()
        try:
            _begin_immediately(connection)
        except sa.exc.OperationalError as problem:
            if getattr(problem.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
            raise LockedError(f"{self.name} is locked by another program") from problem
        finally:
            run(connection, self._patience, ()).fetchall()

    def _save(self, connection: sa.Connection) -> NoReturn:
        self._log.save(connection)
        connection.invalidate()
        self.reading.dispose()
        raise StoreError(f"{self._path}-wal was taken away: what it held is saved; nothing was written now, try again")

    def _refuse_damaged(self) -> None:
        """Look the file over, for a second at most.

        SQLite itself notices a damaged page only when it reads it, which may be after weeks. 550 MB take 0.3 s when
        they are in memory; of a file that takes longer the first part has been seen, and a page that is found to be
        damaged later is an error of that read or write.
        """
        try:
            raw = self.writing.raw_connection()
            try:
                found = _look_over(cast("sqlite3.Connection", raw.driver_connection))
            finally:
                raw.close()
        except sqlite3.DatabaseError as problem:
            if (problem.sqlite_errorcode & 0xFF) not in _DAMAGED:
                raise
            found = str(problem)
        if found is not None:
            raise StoreError(
                f"{self.name} is damaged ({found}): restore a backup (aether restore), or move it away to begin anew"
            )


class _WriteAheadLog:
    """The file DATABASE-wal, which holds the newest commits until they are copied into the database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-wal")
        self._shared = database.with_name(f"{database.name}-shm")

    def refuse_if_missing(self) -> None:
        """Raises StoreError when the agent did not end by itself and its log is gone: SQLite removes both files."""
        if self._shared.exists() and not self._path.exists():
            raise StoreError(
                f"{self._path} is missing, and it held the newest commits: put it back, or restore a backup (aether "
                f"restore), or remove {self._shared} to go on without them"
            )

    def was_taken_away(self, connection: sa.Connection) -> bool:
        """Whether the path leads to another file than the one that this connection writes to, or nowhere."""
        return _LOG in connection.info and connection.info[_LOG] != self._identity()

    def note(self, connection: sa.Connection) -> None:
        """In a transaction the log is there; remember which file it is."""
        if _LOG not in connection.info:
            connection.info[_LOG] = self._identity() or _GONE

    def save(self, connection: sa.Connection) -> None:
        """Copy what the log holds into the database: SQLite still has it open. Raises StoreError when it cannot."""
        busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise StoreError(
                f"{self._path} was taken away, and a reader is still at work: nothing is written, try again"
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def _look_over(raw: sqlite3.Connection) -> str | None:
    """What is wrong with the database, or None; as much of it as can be read in time."""
    try:
        with _interrupted_after(raw, _LOOK_SECONDS):
            [found] = raw.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    return None if found == "ok" else " ".join(str(found).split())


@contextmanager
def _interrupted_after(raw: sqlite3.Connection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, raw.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def make_private(path: Path) -> None:
    """See that nobody but the owner reads the database, whatever the umask; it is made empty when it is missing.

    Before the first connection: SQLite gives the files beside it the database's mode, and closing a descriptor of a
    database that is in use would let go of SQLite's locks. Raises OSError.
    """
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file == path or file.exists():
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            try:
                os.fchmod(descriptor, PRIVATE)
            finally:
                os.close(descriptor)


_OF_THE_WRITER = (
    "cache_size=-32768",  # KiB: the tails of all indices stay in memory, where 2 MiB read them again at every commit
    "temp_store=MEMORY",  # statements of many rows keep a journal of their own: not in a file each
    "wal_autocheckpoint=4000",  # pages, 16 MiB: pages that change all the time are copied less often
)


def _begin_immediately(connection: sa.Connection) -> None:
    run(connection, "BEGIN IMMEDIATE", ())


def writing_engine(
    path: Path, *, busy_milliseconds: int, begin: Callable[[sa.Connection], None] = _begin_immediately
) -> sa.Engine:
    """An engine with one connection whose transactions begin by taking the write lock."""
    engine = _engine(path, pool_size=1)
    busy = f"busy_timeout={busy_milliseconds}"

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        _pragmas(connection, busy, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *_OF_THE_WRITER)

    sa.event.listen(engine, "begin", begin)

    return engine


def reading_engine(path: Path, *, connections: int, busy_milliseconds: int) -> sa.Engine:
    """An engine whose connections cannot write."""
    engine = _engine(path, pool_size=connections)
    busy = f"busy_timeout={busy_milliseconds}"

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        _pragmas(connection, busy, "query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _engine(path: Path, *, pool_size: int) -> sa.Engine:
    return sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=sa.pool.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"isolation_level": None, "check_same_thread": False},  # transactions begin where we say so
    )


def _pragmas(connection: object, *settings: str) -> None:
    raw = cast("sqlite3.Connection", connection)
    for setting in settings:
        raw.execute(f"PRAGMA {setting}")
