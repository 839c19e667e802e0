"""Puts new data in the place of what is there. What was there is moved aside, never deleted.

The new data is made whole first. Until the last step, which is one, the old data is in its place.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.lib.private_files import sync_folder
from aetherlink.store import sqlite
from aetherlink.store.lock import FileLock
from aetherlink.store.place import Place

_BESIDE = ("-wal", "-shm")


@contextlib.contextmanager
def in_file(
    database: Path, aside: Path, *, files: Mapping[Path, bytes], stale: Sequence[Path]
) -> Iterator[sa.Connection]:
    """An empty database to fill. When the block has ended well, it and the files take their places.

    What is `stale` then, for it speaks of the replaced data, goes aside with it.

    Raises StoreError while an agent uses the database, OSError.
    """
    lock = FileLock(database)
    lock.take()
    try:
        scratch = _scratch(database)
        sqlite.make_private(scratch)
        engine = sqlite.writing_engine(scratch, busy_milliseconds=sqlite.BUSY_MILLISECONDS)
        try:
            with engine.begin() as connection:
                yield connection
            _check(engine)
        finally:
            engine.dispose()
        if _beside(scratch):
            raise StoreError(f"{scratch} could not be closed well: nothing was replaced")
        put_files(files, aside)
        _settle(database)
        _swap(scratch, database, aside)
        put_aside(stale, aside)
    finally:
        lock.release()


@contextlib.contextmanager
def in_transaction(place: Place) -> Iterator[sa.Connection]:
    """A PostgreSQL database to change as a whole or not at all. Raises StoreError while an agent uses it."""
    try:
        place.take()
        with place.writing.begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index over all rows takes its time
            yield connection
    finally:
        place.release()


def move_tables(connection: sa.Connection, names: Iterable[str], aside: str) -> None:
    """Into a schema of this name, with their rows, indices and counters."""
    connection.execute(sa.schema.CreateSchema(aside))
    quoted = connection.dialect.identifier_preparer.quote_identifier
    for name in sorted(names):
        connection.exec_driver_sql(f"ALTER TABLE {quoted(name)} SET SCHEMA {quoted(aside)}")


def put_files(files: Mapping[Path, bytes], aside: Path) -> None:
    """Small files, each in the place of an older one that says something else."""
    for path, content in files.items():
        if not path.exists() or path.read_bytes() != content:
            _put(path, content, aside)


def put_aside(paths: Sequence[Path], aside: Path) -> None:
    """Move those that are there."""
    for path in filter(Path.exists, paths):
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.rename(aside / path.name)


def _put(path: Path, content: bytes, aside: Path) -> None:
    scratch = _scratch(path)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, sqlite.PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _swap(scratch, path, aside)


def _check(engine: sa.Engine) -> None:
    with engine.connect() as connection, connection.begin():
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise StoreError(f"what was restored is damaged ({found}): nothing was replaced")


def _settle(database: Path) -> None:
    """Bring the newest commits of the old database into its one file, if it can still be read."""
    if database.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _swap(scratch: Path, path: Path, aside: Path) -> None:
    """The old file gets a second name aside, then the new one takes the first, which is never without a file.

    What lies beside a database goes first: a log that is left there would be taken for the new database's.
    """
    if path.exists():
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.link(path, aside / path.name)
        for beside in _beside(path):
            beside.rename(aside / beside.name)
        sync_folder(aside)
    scratch.replace(path)
    sync_folder(path.parent)


def _scratch(path: Path) -> Path:
    """Where the new file is made; what an earlier try left there is taken away."""
    scratch = path.with_name(f"{path.name}.restoring")
    for left in (scratch, *_beside(scratch)):
        left.unlink(missing_ok=True)
    return scratch


def _beside(database: Path) -> list[Path]:
    return [path for suffix in _BESIDE if (path := database.with_name(database.name + suffix)).exists()]
