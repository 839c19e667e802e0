"""The silences that the agent has set and not taken away yet. Few rows."""

import sqlalchemy as sa

from aetherlink.model.silences import OwnSilence
from aetherlink.store.tables import own_silences


class SqlSilenceRows:
    """See ports.SilenceRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[OwnSilence]:
        """Every one, by id."""
        found = self._connection.execute(sa.select(own_silences).order_by(own_silences.c.id))
        return [OwnSilence(**row._mapping) for row in found]  # noqa: SLF001 - SQLAlchemy's documented way to a row's names

    def put(self, silence: OwnSilence) -> None:
        """Keep it in mind."""
        row = {
            "id": silence.id,
            "source": silence.source,
            "alertmanager": silence.alertmanager,
            "action_id": silence.action_id,
            "ends_at": silence.ends_at,
        }
        self._connection.execute(sa.insert(own_silences).values(row))

    def forget(self, silence_id: str) -> None:
        """It is gone."""
        self._connection.execute(sa.delete(own_silences).where(own_silences.c.id == silence_id))
