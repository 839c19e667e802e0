"""Single facts of the agent as a whole, each under its name."""

import sqlalchemy as sa

from aetherlink.store.tables import agent_state

_REPLACE = (
    sa.update(agent_state).where(agent_state.c.name == sa.bindparam("its_name")).values(value=sa.bindparam("new_value"))
)


def get(connection: sa.Connection, name: str) -> str | None:
    """The fact, or None."""
    return connection.execute(sa.select(agent_state.c.value).where(agent_state.c.name == name)).scalar()


def put(connection: sa.Connection, name: str, value: str) -> None:
    """Insert or replace the fact."""
    if not connection.execute(_REPLACE, {"its_name": name, "new_value": value}).rowcount:
        connection.execute(sa.insert(agent_state).values(name=name, value=value))


def remove(connection: sa.Connection, name: str) -> None:
    """Forget the fact, if it is there."""
    connection.execute(sa.delete(agent_state).where(agent_state.c.name == name))
