"""Single facts of the agent as a whole, each under its name."""

from functools import lru_cache

import sqlalchemy as sa

from aetherlink.store.statements import run, text_of
from aetherlink.store.tables import agent_state

_REPLACE = (
    sa.update(agent_state).values(value=sa.bindparam("new_value")).where(agent_state.c.name == sa.bindparam("its_name"))
)


@lru_cache(maxsize=2)
def _replace(dialect: str) -> str:
    return text_of(_REPLACE, dialect)


def get(connection: sa.Connection, name: str) -> str | None:
    """The fact, or None."""
    return connection.execute(sa.select(agent_state.c.value).where(agent_state.c.name == name)).scalar()


def put(connection: sa.Connection, name: str, value: str) -> None:
    """Insert or replace the fact."""
    if not run(connection, _replace(connection.dialect.name), (value, name)).rowcount:
        connection.execute(sa.insert(agent_state).values(name=name, value=value))


def remove(connection: sa.Connection, name: str) -> None:
    """Forget the fact, if it is there."""
    connection.execute(sa.delete(agent_state).where(agent_state.c.name == name))
