"""Bodies that could not be read, kept as they came: the newest of them, within bounds."""

from datetime import datetime

import sqlalchemy as sa

from aetherlink.model.ids import SourceName
from aetherlink.store.tables import quarantine


class SqlQuarantineRows:
    """See ports.QuarantineRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put(
        self, *, source: SourceName, body: bytes, problem: str, at: datetime, most_rows: int, most_bytes: int
    ) -> int:
        """Keep the body; of all that are kept the oldest make room. Returns how many were dropped."""
        values = {"source": source, "body": body, "problem": problem, "at": at}
        self._connection.execute(sa.insert(quarantine).values(values))
        newest_first = quarantine.c.id.desc()
        counted = sa.select(
            quarantine.c.id,
            sa.func.row_number().over(order_by=newest_first).label("rows"),
            sa.func.sum(sa.func.length(quarantine.c.body)).over(order_by=newest_first).label("bytes"),
        ).subquery()
        beyond = sa.select(counted.c.id).where((counted.c.rows > most_rows) | (counted.c.bytes > most_bytes))
        return self._connection.execute(sa.delete(quarantine).where(quarantine.c.id.in_(beyond))).rowcount
