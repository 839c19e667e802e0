"""A look at a database from beside the agent, whether it runs or not: can it be read, and is its schema ours?"""

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.store import schema
from aetherlink.store.place import Place


def schema_at(place: Place) -> tuple[str | None, str]:
    """The revision that the database is at (None: it is empty), and the one that this version works with. It blocks.

    Raises StoreError when it cannot be read, or was written by a newer version.
    """
    try:
        with place.reading.connect() as connection, connection.begin():
            current = schema.revision_of(connection)
    except sa.exc.SQLAlchemyError as problem:
        raise StoreError(f"{place.name} cannot be read: {getattr(problem, 'orig', None) or problem}") from problem
    finally:
        place.reading.dispose()
    schema.check_known(current)
    return current, schema.newest()
