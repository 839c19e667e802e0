"""The schema's revision: which one this release needs, which one the database has, and how to get there.

`migrate` and `serve` call it, the monitor asks it every few seconds. Alembic is imported only to migrate: it is slow.
"""

from pathlib import Path
from typing import Final

import psycopg
from psycopg import AsyncConnection

from peakpro_crm.errors import DatabaseAwayError, SchemaError

HEAD: Final = "0002"  # a test holds it equal to the newest file in migrations/versions
MIGRATIONS: Final = Path(__file__).parent / "migrations"


async def read_revision(conninfo: str, *, connect_seconds: int) -> str | None:
    """Ask the database on a fresh connection for its revision; None when it was never migrated.

    Raises DatabaseAwayError when it cannot be reached.
    """
    try:
        connection = await AsyncConnection.connect(conninfo, connect_timeout=connect_seconds, autocommit=True)
        async with connection:
            cursor = await connection.execute("SELECT version_num FROM alembic_version")
            row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        raise DatabaseAwayError(f"the database cannot be asked: {error}") from error
    return str(row[0]) if row else None


def check(revision: str | None) -> None:
    """Raise SchemaError unless the revision is the one this release needs."""
    if revision == HEAD:
        return
    has = f"is at revision {revision}" if revision else "is empty"
    raise SchemaError(
        f"the database's schema {has}, this release needs {HEAD}: "
        "run `python -m peakpro_crm migrate`, or set CRM_MIGRATE_ON_START=true"
    )
