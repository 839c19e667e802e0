"""Every kind of store for the contracts, with one PostgreSQL for all that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.databases import (
    KINDS,
    MEMORY,
    AnyDatabase,
    AnyStore,
    MemoryDatabase,
    postgresql_database,
    sqlite_database,
)
from rigs.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that stays up; each test takes a database of its own."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    with postgres_server(folder, fsync="off") as server:  # no test here breaks the machine
        yield server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is about the database itself is not for the store in memory."""
    if "database" in metafunc.fixturenames:
        is_sql = metafunc.definition.get_closest_marker("sql") is not None
        metafunc.parametrize("database", KINDS if is_sql else (*KINDS, MEMORY), indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    match request.param:
        case "memory":
            yield MemoryDatabase()
        case "sqlite":
            with sqlite_database(tmp_path) as made:
                yield made
        case _:
            with postgresql_database(request.getfixturevalue("postgres"), is_migrated=True) as made:
                yield made


@pytest.fixture
def store(database: AnyDatabase) -> AnyStore:
    return database.opened()
