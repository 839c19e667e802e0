"""Backups: every row as it is at one moment, beside an agent that goes on working.

One format for SQLite and PostgreSQL, so that a backup of the one is restored on the other. A read transaction is the
one moment on both: it holds up no writer, and no writer makes it begin anew. All of it blocks.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path

import sqlalchemy as sa

from aetherlink.errors import SettingsError, StoreError
from aetherlink.ports import Clock
from aetherlink.store import archive, dump, schema
from aetherlink.store.archive import Manifest

FOLDER = "backups"
_log = logging.getLogger("aetherlink.store")
_VERSION = version_of("aetherlink")
_AUTOMATIC_KEPT = 3
_AUTOMATIC = re.compile(r"before-.+-(\d{8}T\d{12}Z)\.zip")


def write(reading: sa.Engine, file: Path, *, beside: Mapping[str, Path], now: datetime) -> Manifest:
    """Back up into the file, and read it again to see that it is whole. `beside` names further files that belong to it.

    Raises SettingsError when the file is there already, or cannot be written; StoreError when the database cannot be
    read, or when what was written cannot be.
    """
    if os.path.lexists(file):
        raise SettingsError(f"{file} is there already: name another file, or move it away")
    try:
        with archive.writing(file) as package, reading.connect() as connection, connection.begin():
            revision = schema.revision_of(connection)
            if revision is None:
                raise StoreError("there is nothing to back up: the database is empty")
            schema.check_known(revision)
            for shape in dump.shapes(connection, schema.tables_at(revision)):
                package.table(shape, dump.rows(connection, shape))
            for name, content in _contents(beside).items():
                package.file(name, content)
            package.finish(version=_VERSION, revision=revision, created_at=now.isoformat(timespec="seconds"))
        return verify(file)
    except OSError as problem:
        raise SettingsError(f"the backup {file} cannot be written: {os.strerror(problem.errno or 0)}") from problem
    except sa.exc.SQLAlchemyError as problem:
        cause = getattr(problem, "orig", None) or problem
        raise StoreError(f"the database cannot be read for a backup: {cause}") from problem


@dataclass(frozen=True, slots=True)
class AutomaticBackup:
    """Makes a backup before the data is changed by a migration. The newest few are kept."""

    folder: Path
    beside: Mapping[str, Path]
    clock: Clock

    def __call__(self, reading: sa.Engine, revision: str) -> None:
        """Before it is brought to that revision. Raises StoreError when there is no backup: then nothing may change."""
        now = self.clock.now()
        file = self.folder / f"before-{revision}-{now:%Y%m%dT%H%M%S%fZ}.zip"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(reading, file, beside=self.beside, now=now)
            for _, older in sorted(_automatic(self.folder), reverse=True)[_AUTOMATIC_KEPT:]:
                older.unlink(missing_ok=True)
        except (OSError, SettingsError) as problem:
            raise StoreError(
                f"the database has to be brought to schema {revision}, and the backup before that failed: {problem}. "
                "Nothing was changed: make room there, and start again"
            ) from problem
        _log.info("Backed up the database before its migration to %s: %s", revision, file)


def verify(file: Path) -> Manifest:
    """Read all of it and compare the checksums. Raises StoreError for what is no whole backup, OSError."""
    with archive.reading(file) as package:
        package.verify()
        return package.manifest


def _contents(beside: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in beside.items() if path.is_file()}


def _automatic(folder: Path) -> Iterator[tuple[str, Path]]:
    """With the time at which each was made."""
    for path in folder.iterdir():
        if found := _AUTOMATIC.fullmatch(path.name):
            yield found[1], path
