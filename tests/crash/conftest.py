"""One PostgreSQL for the tests that break things; whoever stops it starts it again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Each test takes a database of its own."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    with postgres_server(folder) as server:
        yield server
