"""The databases that the store runs on, behind one handle, for tests that hold for all; and the store in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.simulation.memory_store import MemoryStore, Tables
from aetherlink.store import schema
from aetherlink.store.database import SqlStore
from aetherlink.store.place import Place
from aetherlink.store.postgres import PostgresPlace
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.testing import fixed_key
from rigs.postgres_server import PostgresServer

KINDS = ("sqlite", "postgresql")
MEMORY = "memory"


@dataclass
class Database:
    """One empty database. Whatever was opened on it is closed at the end."""

    kind: str
    place: Callable[[], Place]
    """The way to it, anew for each caller, as each agent makes its own."""
    _stores: list[SqlStore] = field(default_factory=list)

    def store(self) -> SqlStore:
        """A store on it, not yet opened."""
        self._stores.append(SqlStore(self.place(), key=fixed_key))
        return self._stores[-1]

    def opened(self) -> SqlStore:
        """A store on it, in use."""
        store = self.store()
        store.open()
        return store

    def close(self) -> None:
        """Let go of everything that was opened."""
        for store in self._stores:
            if store.is_alive:
                store.close()
            else:
                store.dispose()


class ClosableMemoryStore(MemoryStore):
    """One that is closed like the others: there is nothing to let go of."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class MemoryDatabase:
    """Rows in memory: another store on them is what a restart is."""

    kind: str = MEMORY
    _tables: Tables = field(default_factory=Tables)

    def opened(self) -> ClosableMemoryStore:
        """A store on them."""
        return ClosableMemoryStore(self._tables)


AnyDatabase = Database | MemoryDatabase
AnyStore = SqlStore | ClosableMemoryStore


def empty_file(path: Path) -> Path:
    """The file as a first start leaves it: at the newest schema, without a row."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(_migrated())
    return path


@cache
def _migrated() -> bytes:
    """Made once a process: on an empty file the migrations take ten times as long as all else that a start does."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "aetherlink.db")
        _migrate(SqlitePlace(file))
        return file.read_bytes()


def _migrate(place: Place) -> None:
    """Nobody takes the database, so nobody's name is left in it."""
    schema.upgrade(place.writing)
    place.release()


@contextmanager
def sqlite_database(folder: Path) -> Iterator[Database]:
    """A file in the folder, at the newest schema, without a row."""
    file = empty_file(folder / "aetherlink.db")
    database = Database("sqlite", lambda: SqlitePlace(file))
    yield database
    database.close()


@cache
def _migrated_on(server: PostgresServer) -> str:
    """The name of a database of this server that each test takes a copy of; it goes with the server."""
    name = server.create("migrated")
    _migrate(postgres_place(server.url(name)))
    return name


@contextmanager
def postgresql_database(server: PostgresServer, *, is_migrated: bool = False) -> Iterator[Database]:
    """A database of this server; one that is migrated is at the newest schema, without a row."""
    with server.database(template=_migrated_on(server) if is_migrated else "template0") as url:
        database = Database("postgresql", lambda: postgres_place(url))
        yield database
        database.close()


def postgres_place(url: str, password_file: Path | None = None) -> PostgresPlace:
    """The way to it as the app makes it."""
    clock = SystemClock()
    return PostgresPlace(url, owner=SortableIds(clock).new("agent"), clock=clock, password_file=password_file)
