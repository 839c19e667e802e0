"""The brakes, one a scope. Few rows."""

import sqlalchemy as sa

from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Effect
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import brakes

_ALL = Prepared(sa.select(brakes).order_by(brakes.c.scope))


class SqlBrakeRows:
    """See ports.BrakeRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Brake]:
        """Every brake, by scope."""
        found = _ALL.all(self._connection)
        return [Brake(row.scope, row.since, row.reason, row.set_by, Effect(row.effect)) for row in found]

    def put(self, brake: Brake) -> bool:
        """Set the brake. False when its scope has one already: that one stays, unless the new one is stricter."""
        held = next((one for one in self.all() if one.scope == brake.scope), None)
        if held is not None and (held.effect is Effect.DENY or brake.effect is held.effect):
            return False
        self.release(brake.scope)
        row = {
            "scope": brake.scope,
            "since": brake.since,
            "reason": brake.reason,
            "set_by": brake.set_by,
            "effect": brake.effect.value,
        }
        self._connection.execute(sa.insert(brakes).values(row))
        return True

    def release(self, scope: str) -> bool:
        """Let go of it. False when there is none."""
        return bool(self._connection.execute(sa.delete(brakes).where(brakes.c.scope == scope)).rowcount)
