"""Both kinds of store for the contracts, with one PostgreSQL for all that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.store.database import SqlStore
from rigs.databases import KINDS, Database, postgresql_database, sqlite_database
from rigs.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that stays up; each test takes a database of its own."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    with postgres_server(folder, fsync="off") as server:  # no test here breaks the machine
        yield server


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as made:
            yield made
    else:
        with postgresql_database(request.getfixturevalue("postgres")) as made:
            yield made


@pytest.fixture
def store(database: Database) -> SqlStore:
    return database.opened()
