"""Brings a database to the newest schema.

`python -m peakpro_crm migrate` and `serve` with CRM_MIGRATE_ON_START call it. Imports Alembic, so nothing that must
start quickly may import this module at its head.
"""

import logging
import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from peakpro_crm.database import CONNECT_SECONDS
from peakpro_crm.errors import DatabaseAwayError, SchemaError
from peakpro_crm.schema import HEAD, MIGRATIONS

_LOG = logging.getLogger("peakpro_crm.migrate")
_LOCK = 0x43524D  # "CRM": replicas that start together migrate one after the other
_PAUSE = 0.5


def migrate(url: str, *, wait_seconds: float) -> None:
    """Apply every migration that the database lacks; wait up to `wait_seconds` for it to be reachable.

    Raises DatabaseAwayError when it stays away, SchemaError when a migration fails.
    """
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            with engine.connect() as connection:
                _upgrade(connection)
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise DatabaseAwayError(f"the database cannot be reached: {error.orig}") from error
            _LOG.info("waiting for the database")
            time.sleep(_PAUSE)
        except DBAPIError as error:
            raise SchemaError(f"a migration failed: {error.orig}") from error
        else:
            _LOG.info("the schema is at revision %s", HEAD)
            return


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    with connection.begin():
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        command.upgrade(alembic_config(connection), "head")
