"""Restoring a backup: checked whole before anything is touched, brought to the newest schema, and paused. It blocks."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from aetherlink.errors import SettingsError, StoreError
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.store import archive, dump, replacement, schema, sqlite
from aetherlink.store.archive import ArchiveReader, Manifest
from aetherlink.store.pauses import SqlPauseRows
from aetherlink.store.place import Place
from aetherlink.store.tables import agent_state

_EPOCH = "epoch"


@dataclass(frozen=True, slots=True)
class Files:
    """What lies beside the database: where the further files of a backup belong, and what speaks of old data only."""

    places: Mapping[str, Path] = field(default_factory=dict)
    stale: Sequence[Path] = ()

    def of(self, package: ArchiveReader) -> dict[Path, bytes]:
        """Only those that have a place: an archive of somebody else's must not put files where it likes."""
        return {self.places[name]: package.file(name) for name in package.manifest.files if name in self.places}


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where that lies now which was there before (None: nothing was)."""

    manifest: Manifest
    replaced: str | None


def into_file(file: Path, database: Path, files: Files, *, force: bool, now: datetime) -> Restored:
    """Restore into an SQLite database.

    Raises SettingsError when the file is not there, or when there is data already and `force` is not given; StoreError
    when the file is no whole backup of a known schema, or while an agent uses the data.
    """
    data_dir = database.parent
    aside = data_dir / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    has_data = database.exists()
    with _told(file), _checked(file) as package:
        if has_data and not force:  # said of a whole backup only: nobody must force what cannot be restored
            raise SettingsError(f"{data_dir} holds data already: --force moves it aside (into {aside}) and restores")
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacement.in_file(database, aside, files=files.of(package), stale=files.stale) as connection:
            _fill(connection, package, file=file, now=now, epoch=_epoch_in(database))
        return Restored(package.manifest, str(aside) if has_data else None)


def into_postgres(file: Path, place: Place, data_dir: Path, files: Files, *, force: bool, now: datetime) -> Restored:
    """The same into a PostgreSQL database, in one transaction: what is there goes into a schema of its own."""
    aside = f"replaced_{now:%Y%m%dt%H%M%Sz}"
    with _told(file), _checked(file) as package, replacement.in_transaction(place) as connection:
        revision = schema.revision_of(connection)
        if revision is not None and not force:
            raise SettingsError(
                f"{place.name} holds data already: --force moves it into its schema {aside} and restores"
            )
        epoch = epoch_of(connection)
        if revision is not None:
            schema.check_known(revision)
            replacement.move_tables(connection, schema.tables_at(revision) | {schema.OWN_TABLE}, aside)
        _fill(connection, package, file=file, now=now, epoch=epoch)
        folder = data_dir / aside
        replacement.put_files(files.of(package), folder)
        replacement.put_aside(files.stale, folder)
        return Restored(package.manifest, f"schema {aside} of {place.name}" if revision is not None else None)


def epoch_of(connection: sa.Connection) -> int:
    """How often the data changed hands; 0 for data that never did. A holder's name may follow the number."""
    if not sa.inspect(connection).has_table(agent_state.name):
        return 0
    stored = connection.scalar(sa.select(agent_state.c.value).where(agent_state.c.name == _EPOCH))
    return 0 if stored is None else int(stored.partition(" ")[0])


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What went wrong, in our words."""
    try:
        yield
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise SettingsError(f"{file} cannot be restored: {problem.filename or 'the disk'}: {why}") from problem
    except sa.exc.SQLAlchemyError as problem:
        raise StoreError(f"{file} cannot be restored: {getattr(problem, 'orig', None) or problem}") from problem


@contextmanager
def _checked(file: Path) -> Iterator[ArchiveReader]:
    """A whole backup of a schema that this version knows."""
    with archive.reading(file) as package:
        manifest = package.manifest
        schema.check_known(manifest.revision)
        if set(manifest.tables) != schema.tables_at(manifest.revision):
            raise StoreError(f"{file} does not hold the tables of schema {manifest.revision}: it is damaged")
        package.verify()
        yield package


def _epoch_in(database: Path) -> int:
    """The epoch of the data that is there; 0 for what cannot be read."""
    if not database.exists():
        return 0
    engine = sqlite.reading_engine(database, connections=1, busy_milliseconds=sqlite.BUSY_MILLISECONDS)
    try:
        with engine.connect() as connection, connection.begin():
            return epoch_of(connection)
    except sa.exc.SQLAlchemyError:  # damaged, as what has to be restored often is
        return 0
    finally:
        engine.dispose()


def _fill(connection: sa.Connection, package: ArchiveReader, *, file: Path, now: datetime, epoch: int) -> None:
    """Bring an empty database to what the backup holds, at the newest schema, in the caller's transaction.

    `epoch` is the one of the data that is replaced: what counts epochs must never see them go back.
    """
    manifest = package.manifest
    schema.migrate(connection, manifest.revision)
    shapes = dump.shapes(connection, schema.tables_at(manifest.revision))
    for shape in shapes:
        columns = manifest.tables[shape.name].columns
        if set(columns) != set(shape.columns):
            raise StoreError(f"{file} does not hold the columns of {shape.name} at schema {manifest.revision}")
        dump.insert(connection, shape.ordered(columns), package.rows(shape.name))
        dump.restart_counter(connection, shape)
    schema.migrate(connection)
    _bump_epoch(connection, epoch)
    reason = f"restored from {file.name} of {manifest.created_at}: look at it, then `aether resume`"
    SqlPauseRows(connection).put(Pause(EVERYTHING, now, reason, "restore"))


def _bump_epoch(connection: sa.Connection, replaced: int) -> None:
    value = f"{1 + max(replaced, epoch_of(connection))} restored"
    connection.execute(sa.delete(agent_state).where(agent_state.c.name == _EPOCH))
    connection.execute(sa.insert(agent_state).values(name=_EPOCH, value=value))
