"""The store in memory: the same contract as on disk, for a simulation that commits a thousand times a second.

Every transaction runs to its end where its caller is, so each sees all that was committed before it. What the work has
changed is taken back when it raises. The rows outlive the store: another one on the same rows is a restart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from aetherlink.errors import AetherError, UnfitError
from aetherlink.model.ids import ActionId, IncidentId
from aetherlink.ports import Transaction
from aetherlink.simulation.alert_rows import AlertTable, MemoryAlertRows
from aetherlink.simulation.delivery_rows import DeliveryTable, MemoryDeliveryRows
from aetherlink.simulation.incident_rows import IncidentTable, MemoryIncidentRows
from aetherlink.simulation.record_rows import (
    MemoryActionRows,
    MemoryBrakeRows,
    MemoryHealthRows,
    MemoryJournalRows,
    MemoryLedgerRows,
    MemoryLoginLinkRows,
    MemoryPauseRows,
    MemoryQuarantineRows,
    MemorySessionRows,
    MemorySilenceRows,
    MemoryTokenRows,
    RecordTables,
)
from aetherlink.simulation.track_rows import MemoryPromotionRows, MemoryTrackRows
from aetherlink.simulation.undo import Undo
from aetherlink.store.index import AlertIndex, Staged

T = TypeVar("T")


@dataclass(slots=True)
class Tables:
    """Everything that is committed."""

    alerts: AlertTable = field(default_factory=AlertTable)
    incidents: IncidentTable = field(default_factory=IncidentTable)
    records: RecordTables = field(default_factory=RecordTables)
    deliveries: DeliveryTable = field(default_factory=DeliveryTable)


class Changed(NamedTuple):
    """Which rows a transaction has written."""

    incidents: tuple[IncidentId, ...]
    actions: tuple[ActionId, ...]


class MemoryTransaction:
    """See ports.Transaction."""

    def __init__(self, tables: Tables, *, may_write: bool) -> None:
        self._tables = tables
        self._undo = Undo(may_write=may_write)
        self._staged = Staged(tables.alerts.index)

    @property
    def changed(self) -> Changed:
        """What was written so far."""
        incidents, actions = self._tables.incidents.rows, self._tables.records.actions.rows
        return Changed(self._undo.keys_of(incidents), self._undo.keys_of(actions))

    def commit(self) -> None:
        """Make visible what is known of alerts; the rows are so already."""
        self._tables.alerts.index.apply(self._staged)

    def roll_back(self) -> None:
        """Make everything as it was."""
        self._undo.back()

    @cached_property
    def alerts(self) -> MemoryAlertRows:
        """The alerts."""
        return MemoryAlertRows(self._tables.alerts, self._undo, self._staged)

    @cached_property
    def incidents(self) -> MemoryIncidentRows:
        """The incidents and their timelines."""
        return MemoryIncidentRows(self._tables.incidents, self._undo)

    @cached_property
    def actions(self) -> MemoryActionRows:
        """The actions."""
        return MemoryActionRows(self._tables.records.actions, self._undo)

    @cached_property
    def tokens(self) -> MemoryTokenRows:
        """The tokens."""
        return MemoryTokenRows(self._tables.records.tokens, self._undo)

    @cached_property
    def sessions(self) -> MemorySessionRows:
        """The browsers that are signed in."""
        return MemorySessionRows(self._tables.records.sessions, self._undo)

    @cached_property
    def login_links(self) -> MemoryLoginLinkRows:
        """The links that sign one in."""
        return MemoryLoginLinkRows(self._tables.records.login_links, self._undo)

    @cached_property
    def quarantine(self) -> MemoryQuarantineRows:
        """The bodies that could not be read."""
        return MemoryQuarantineRows(self._tables.records.quarantine, self._undo)

    @cached_property
    def pauses(self) -> MemoryPauseRows:
        """The pauses."""
        return MemoryPauseRows(self._tables.records.pauses, self._undo)

    @cached_property
    def brakes(self) -> MemoryBrakeRows:
        """The brakes."""
        return MemoryBrakeRows(self._tables.records.brakes, self._undo)

    @cached_property
    def promotions(self) -> MemoryPromotionRows:
        """The promotions of playbooks."""
        return MemoryPromotionRows(self._tables.records.promotions, self._undo)

    @cached_property
    def track(self) -> MemoryTrackRows:
        """What became of the plans of playbooks."""
        return MemoryTrackRows(self._tables.records.actions, self._tables.incidents.rows)

    @cached_property
    def own_silences(self) -> MemorySilenceRows:
        """The silences that the agent has set."""
        return MemorySilenceRows(self._tables.records.own_silences, self._undo)

    @cached_property
    def health(self) -> MemoryHealthRows:
        """The readings of the health score."""
        return MemoryHealthRows(self._tables.records.health, self._undo)

    @cached_property
    def ledger(self) -> MemoryLedgerRows:
        """What became of every alert received."""
        return MemoryLedgerRows(self._tables.records.ledger, self._undo)

    @cached_property
    def journal(self) -> MemoryJournalRows:
        """The bodies as they came."""
        return MemoryJournalRows(self._tables.records.journal, self._undo)

    @cached_property
    def deliveries(self) -> MemoryDeliveryRows:
        """What each channel was told."""
        return MemoryDeliveryRows(self._tables.deliveries, self._undo, self._tables.incidents.rows)


class MemoryStore:
    """See ports.Store."""

    def __init__(self, tables: Tables | None = None) -> None:
        self.tables = tables or Tables()

    @property
    def standings(self) -> AlertIndex:
        """What is known of every alert."""
        return self.tables.alerts.index

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:  # noqa: ARG002 - the port's
        """See ports.Store."""
        transaction = MemoryTransaction(self.tables, may_write=True)
        try:
            result = _done(work, transaction)
            self.before_commit()
        except BaseException:
            transaction.roll_back()
            raise
        transaction.commit()
        self.after_commit(transaction.changed)
        return result

    def before_commit(self) -> None:
        """Whatever is raised here undoes the transaction."""

    def after_commit(self, changed: Changed) -> None:
        """Whatever is raised here finds everything stored."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """See ports.Store."""
        return work(MemoryTransaction(self.tables, may_write=False))


def _done(work: Callable[[Transaction], T], transaction: Transaction) -> T:
    """The result of the work. A bug in it is an UnfitError, as on disk."""
    try:
        return work(transaction)
    except AetherError:
        raise
    except Exception as problem:  # whatever it is, it is a bug of the work and not of the store
        raise UnfitError(f"the store could not write: {type(problem).__name__}: {problem}") from problem
