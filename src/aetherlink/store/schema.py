"""Brings a database to the newest schema. The schema is the sum of the migrations; a test compares both."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from aetherlink.errors import StoreError

NEWEST = "head"
_SCRIPTS = Path(__file__).parent / "migrations"
OWN_TABLE = "alembic_version"  # where the revision is kept


def upgrade(engine: sa.Engine, *, before: Callable[[], None] = lambda: None) -> None:
    """Run the migrations that are missing, in one transaction; `before` is called first when there is data to lose.

    Raises StoreError when the database was written by a newer version: an older one must not touch it.
    """
    with engine.connect() as connection, connection.begin():
        current = revision_of(connection)
    if current == newest():
        return
    check_known(current)
    if current is not None:
        before()
    with engine.begin() as connection:
        migrate(connection)


def migrate(connection: sa.Connection, revision: str = NEWEST) -> None:
    """Run the migrations up to that revision, in the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: sa.Connection) -> str | None:
    """The revision of the database; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this version works with."""
    return str(_scripts().get_current_head())


def check_known(revision: str | None) -> None:
    """Raises StoreError for a revision of a newer version."""
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(f"the database is at schema {revision}, which this version does not know: use a newer one")


def tables_at(revision: str) -> frozenset[str]:
    """The tables that there are at this revision: found by running the migrations on an empty database in memory."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            migrate(connection, revision)
            return frozenset(sa.inspect(connection).get_table_names()) - {OWN_TABLE}
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


@cache
def _scripts() -> ScriptDirectory:
    """The migrations of this version. Finding them compiles each one, so that is done once."""
    return ScriptDirectory.from_config(_config())
