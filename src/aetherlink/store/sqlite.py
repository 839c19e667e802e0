"""SQLite as this product uses it: WAL, synchronous=FULL, one writer, every other connection query_only."""

import os
from pathlib import Path
from sqlite3 import Connection as RawConnection
from typing import cast

import sqlalchemy as sa

BUSY_MILLISECONDS = 5000
PRIVATE = 0o600


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


def writing_engine(path: Path, *, busy_milliseconds: int) -> sa.Engine:
    """An engine with one connection whose transactions begin by taking the write lock."""
    engine = _engine(path, pool_size=1)
    busy = f"busy_timeout={busy_milliseconds}"

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        _pragmas(connection, busy, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

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
    raw = cast("RawConnection", connection)
    for setting in settings:
        raw.execute(f"PRAGMA {setting}")
