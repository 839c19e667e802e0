"""The pauses. Few rows: what is in force is told in Python, by the model's one rule.

At most one a scope was set at once; beside it any number that were planned, each with its own beginning.
"""

from datetime import datetime

import sqlalchemy as sa

from aetherlink.model.pauses import Pause
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import pauses, planned_pauses

_AT_ONCE = Prepared(sa.select(pauses).order_by(pauses.c.scope))
_PLANNED = Prepared(sa.select(planned_pauses).order_by(planned_pauses.c.scope, planned_pauses.c.begins))


class SqlPauseRows:
    """See ports.PauseRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Pause]:
        """Every pause that is stored, those that are over too, by scope; the planned ones last."""
        at_once, planned = _AT_ONCE.all(self._connection), _PLANNED.all(self._connection)
        return [
            *(Pause(row.scope, row.since, row.reason, row.paused_by, row.until) for row in at_once),
            *(Pause(row.scope, row.since, row.reason, row.paused_by, row.until, row.begins) for row in planned),
        ]

    def in_force(self, now: datetime, among: frozenset[str] = frozenset()) -> Pause | None:
        """See ports.PauseRows."""
        return next((pause for pause in self.all() if pause.holds(now) and pause.covers(among)), None)

    def put(self, pause: Pause) -> None:
        """Insert it, or replace the one of its scope that begins when it does."""
        self.drop(pause)
        row = {
            "scope": pause.scope,
            "since": pause.since,
            "until": pause.until,
            "reason": pause.reason,
            "paused_by": pause.paused_by,
        }
        if pause.begins is None:
            self._connection.execute(sa.insert(pauses).values(row))
        else:
            self._connection.execute(sa.insert(planned_pauses).values({**row, "begins": pause.begins}))

    def drop(self, pause: Pause) -> None:
        """Forget the pause of this scope that begins when this one does, if there is one."""
        if pause.begins is None:
            self._connection.execute(sa.delete(pauses).where(pauses.c.scope == pause.scope))
            return
        is_it = sa.and_(planned_pauses.c.scope == pause.scope, planned_pauses.c.begins == pause.begins)
        self._connection.execute(sa.delete(planned_pauses).where(is_it))

    def end(self, scope: str) -> None:
        """Forget every pause of the scope."""
        self._connection.execute(sa.delete(pauses).where(pauses.c.scope == scope))
        self._connection.execute(sa.delete(planned_pauses).where(planned_pauses.c.scope == scope))
