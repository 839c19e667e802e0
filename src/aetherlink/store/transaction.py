"""Every aggregate on one connection, inside one transaction."""

from functools import cached_property

from aetherlink.store.actions import SqlActionRows
from aetherlink.store.alerts import SqlAlertRows
from aetherlink.store.brakes import SqlBrakeRows
from aetherlink.store.deliveries import SqlDeliveryRows
from aetherlink.store.health_readings import SqlHealthRows
from aetherlink.store.incidents import SqlIncidentRows
from aetherlink.store.journal import SqlJournalRows
from aetherlink.store.layer import Layer
from aetherlink.store.ledger import SqlLedgerRows
from aetherlink.store.own_silences import SqlSilenceRows
from aetherlink.store.pauses import SqlPauseRows
from aetherlink.store.promotions import SqlPromotionRows
from aetherlink.store.quarantine import SqlQuarantineRows
from aetherlink.store.sessions import SqlLoginLinkRows, SqlSessionRows
from aetherlink.store.tokens import SqlTokenRows
from aetherlink.store.track_record import SqlTrackRows


class SqlTransaction:
    """See ports.Transaction. `layer` holds the connection, and what the transaction knows beside its rows."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    @cached_property
    def alerts(self) -> SqlAlertRows:
        """The alerts."""
        return SqlAlertRows(self._layer)

    @cached_property
    def incidents(self) -> SqlIncidentRows:
        """The incidents and their timelines."""
        return SqlIncidentRows(self._layer)

    @cached_property
    def actions(self) -> SqlActionRows:
        """The actions."""
        return SqlActionRows(self._layer.connection)

    @cached_property
    def tokens(self) -> SqlTokenRows:
        """The tokens."""
        return SqlTokenRows(self._layer.connection)

    @cached_property
    def sessions(self) -> SqlSessionRows:
        """The browsers that are signed in."""
        return SqlSessionRows(self._layer.connection)

    @cached_property
    def login_links(self) -> SqlLoginLinkRows:
        """The links that sign one in."""
        return SqlLoginLinkRows(self._layer.connection)

    @cached_property
    def quarantine(self) -> SqlQuarantineRows:
        """The bodies that could not be read."""
        return SqlQuarantineRows(self._layer.connection)

    @cached_property
    def pauses(self) -> SqlPauseRows:
        """The pauses."""
        return SqlPauseRows(self._layer.connection)

    @cached_property
    def brakes(self) -> SqlBrakeRows:
        """The brakes."""
        return SqlBrakeRows(self._layer.connection)

    @cached_property
    def promotions(self) -> SqlPromotionRows:
        """The promotions of playbooks."""
        return SqlPromotionRows(self._layer.connection)

    @cached_property
    def track(self) -> SqlTrackRows:
        """What became of the plans of playbooks."""
        return SqlTrackRows(self._layer.connection)

    @cached_property
    def own_silences(self) -> SqlSilenceRows:
        """The silences that the agent has set."""
        return SqlSilenceRows(self._layer.connection)

    @cached_property
    def health(self) -> SqlHealthRows:
        """The readings of the health score."""
        return SqlHealthRows(self._layer.connection)

    @cached_property
    def ledger(self) -> SqlLedgerRows:
        """What became of every alert received."""
        return SqlLedgerRows(self._layer)

    @cached_property
    def journal(self) -> SqlJournalRows:
        """The bodies as they came."""
        return SqlJournalRows(self._layer)

    @cached_property
    def deliveries(self) -> SqlDeliveryRows:
        """What each channel was told."""
        return SqlDeliveryRows(self._layer.connection)
