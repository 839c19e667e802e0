"""Brings a database to the newest schema. The schema is the sum of the migrations; a test compares both."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from aetherlink.errors import StoreError

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """Run the migrations that are missing, in one transaction.

    Raises StoreError when the database was written by a newer version: an older one must not touch it.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise StoreError(f"the database is at schema {current}, which this version does not know: use a newer one")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
