"""The pauses, one a scope. Few rows: what is in force is told in Python, by the model's one rule."""

from datetime import datetime

import sqlalchemy as sa

from aetherlink.model.pauses import Pause
from aetherlink.store.tables import pauses


class SqlPauseRows:
    """See ports.PauseRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Pause]:
        """Every pause that is stored, those that are over too, by scope."""
        found = self._connection.execute(sa.select(pauses).order_by(pauses.c.scope))
        return [Pause(row.scope, row.since, row.reason, row.paused_by, row.until) for row in found]

    def in_force(self, now: datetime, among: frozenset[str] = frozenset()) -> Pause | None:
        """See ports.PauseRows."""
        return next((pause for pause in self.all() if pause.holds(now) and pause.covers(among)), None)

    def put(self, pause: Pause) -> None:
        """Insert or replace the pause of its scope."""
        self.end(pause.scope)
        row = {
            "scope": pause.scope,
            "since": pause.since,
            "until": pause.until,
            "reason": pause.reason,
            "paused_by": pause.paused_by,
        }
        self._connection.execute(sa.insert(pauses).values(row))

    def end(self, scope: str) -> None:
        """Forget the pause of the scope, if there is one."""
        self._connection.execute(sa.delete(pauses).where(pauses.c.scope == scope))
