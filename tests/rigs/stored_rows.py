"""All that an agent on SQLite has stored, row by row."""

import sqlite3
from contextlib import closing
from typing import Any


def stored(agent: Any) -> dict[str, list[Any]]:
    """Every row of every table, but for when tokens were used."""
    with closing(sqlite3.connect(f"file:{agent.data_dir / 'aether.db'}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names if name != "tokens"}  # noqa: S608 - names of its own
