"""Bodies that could not be read, kept as they came."""

from datetime import datetime

import sqlalchemy as sa

from aetherlink.model.ids import SourceName
from aetherlink.store.tables import quarantine


class SqlQuarantineRows:
    """See ports.QuarantineRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put(self, *, source: SourceName, body: bytes, problem: str, at: datetime) -> None:
        """Keep the body."""
        values = {"source": source, "body": body, "problem": problem, "at": at}
        self._connection.execute(sa.insert(quarantine).values(values))

    def count(self) -> int:
        """How many are kept."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(quarantine)).scalar_one()
