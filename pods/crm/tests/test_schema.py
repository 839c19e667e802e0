"""The schema: the sum of the migrations equals the tables, both ways, and HEAD is the newest revision."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from peakpro_crm.database import libpq_url
from peakpro_crm.errors import DatabaseAwayError, SchemaError
from peakpro_crm.migrate import alembic_config, migrate
from peakpro_crm.schema import HEAD, MIGRATIONS, check, read_revision
from peakpro_crm.tables import metadata

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass AND contype <> 'n'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


def described(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
        return {tuple(row) for query in (CONSTRAINTS, INDEXES) for row in connection.execute(query)}


def test_the_tables_equal_the_sum_of_the_migrations(own_database_url: str) -> None:
    engine = create_engine(own_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_constraints_and_indexes_are_the_same_on_both_ways(own_database_url: str, empty_database_url: str) -> None:
    engine = create_engine(empty_database_url, poolclass=NullPool)
    metadata.create_all(engine)

    assert described(own_database_url) == described(empty_database_url)


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


async def test_every_migration_can_be_taken_back_and_applied_again(own_database_url: str) -> None:
    engine = create_engine(own_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert await read_revision(libpq_url(own_database_url), connect_seconds=2) is None

    migrate(own_database_url, wait_seconds=0)

    assert await read_revision(libpq_url(own_database_url), connect_seconds=2) == HEAD


async def test_replicas_that_migrate_at_once_do_not_collide(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as replicas:
        list(replicas.map(lambda _: migrate(empty_database_url, wait_seconds=0), range(4)))

    assert await read_revision(libpq_url(empty_database_url), connect_seconds=2) == HEAD


def test_a_database_that_stays_away_is_named() -> None:
    with pytest.raises(DatabaseAwayError, match="cannot be reached"):
        migrate("postgresql+psycopg://crm@127.0.0.1:1/crm", wait_seconds=0)


@pytest.mark.parametrize(("revision", "says"), [(None, "is empty"), ("0001", "is at revision 0001")])
def test_another_revision_is_refused_with_what_to_do(revision: str | None, says: str) -> None:
    with pytest.raises(SchemaError, match=f"{says}.*needs {HEAD}: run `python -m peakpro_crm migrate`"):
        check(revision)


async def test_a_newer_schema_makes_the_crm_not_ready(serve: Callable[..., Any], own_database_url: str) -> None:
    with psycopg.connect(libpq_url(own_database_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    async with serve(database_url=own_database_url) as crm:
        response = await crm.get("/readyz")

    assert response.status_code == 503
    assert "is at revision 9999" in response.json()["detail"]
