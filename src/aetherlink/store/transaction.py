"""Every aggregate on one connection, inside one transaction."""

from functools import cached_property

import sqlalchemy as sa

from aetherlink.store.actions import SqlActionRows
from aetherlink.store.alerts import SqlAlertRows
from aetherlink.store.health_readings import SqlHealthRows
from aetherlink.store.incidents import SqlIncidentRows
from aetherlink.store.journal import SqlJournalRows
from aetherlink.store.ledger import SqlLedgerRows
from aetherlink.store.memory import Layer
from aetherlink.store.pauses import SqlPauseRows
from aetherlink.store.quarantine import SqlQuarantineRows
from aetherlink.store.tokens import SqlTokenRows


class SqlTransaction:
    """See ports.Transaction. `layer` holds what the transaction knows beside its rows."""

    def __init__(self, connection: sa.Connection, layer: Layer) -> None:
        self._connection = connection
        self._layer = layer

    @cached_property
    def alerts(self) -> SqlAlertRows:
        """The alerts."""
        return SqlAlertRows(self._connection, self._layer)

    @cached_property
    def incidents(self) -> SqlIncidentRows:
        """The incidents and their timelines."""
        return SqlIncidentRows(self._connection, self._layer.chain)

    @cached_property
    def actions(self) -> SqlActionRows:
        """The actions."""
        return SqlActionRows(self._connection)

    @cached_property
    def tokens(self) -> SqlTokenRows:
        """The tokens."""
        return SqlTokenRows(self._connection)

    @cached_property
    def quarantine(self) -> SqlQuarantineRows:
        """The bodies that could not be read."""
        return SqlQuarantineRows(self._connection)

    @cached_property
    def pauses(self) -> SqlPauseRows:
        """The pauses."""
        return SqlPauseRows(self._connection)

    @cached_property
    def health(self) -> SqlHealthRows:
        """The readings of the health score."""
        return SqlHealthRows(self._connection)

    @cached_property
    def ledger(self) -> SqlLedgerRows:
        """What became of every alert received."""
        return SqlLedgerRows(self._connection)

    @cached_property
    def journal(self) -> SqlJournalRows:
        """The bodies as they came."""
        return SqlJournalRows(self._connection, self._layer)
