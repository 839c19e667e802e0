"""Single facts of the agent as a whole, each under its name."""

import sqlalchemy as sa

from aetherlink.store.statements import update_rows
from aetherlink.store.tables import agent_state


def get(connection: sa.Connection, name: str) -> str | None:
    """The fact, or None."""
    return connection.execute(sa.select(agent_state.c.value).where(agent_state.c.name == name)).scalar()


def put(connection: sa.Connection, name: str, value: str) -> None:
    """Insert or replace the fact."""
    if not update_rows(connection, agent_state, ("value",), [(value, name)]):
        connection.execute(sa.insert(agent_state).values(name=name, value=value))
