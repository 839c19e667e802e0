"""What an agent's database holds, looked at beside the agent."""

import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE = Path("data/aetherlink.db")


def alerts_stored(folder: Path) -> tuple[int, int]:
    """How many alerts are stored, and how many of them are distinct."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        rows, distinct = database.execute(
            "SELECT count(*), count(DISTINCT source || ' ' || fingerprint || ' ' || starts_at) FROM alerts"
        ).fetchone()
    return rows, distinct


def ledger(folder: Path) -> dict[str, int]:
    """The stored totals of the ledger by outcome."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT outcome, sum(total) FROM ledger GROUP BY outcome ORDER BY outcome"))


def let_rest(folder: Path) -> None:
    """Take every incident for looked at: the pipeline of an agent that starts on this store has nothing to do."""
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.execute("UPDATE incidents SET wake_at = NULL")


def size(folder: Path) -> int:
    """Bytes of the database and of what lies beside it."""
    return sum(file.stat().st_size for file in (folder / DATABASE.parent).iterdir())
