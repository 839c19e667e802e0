"""The ledger: what became of every alert that was ever received."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How an alert was received."""

    WEBHOOK = "webhook"
    RECONCILE = "reconcile"


class LedgerOutcome(StrEnum):
    """What became of one received alert; every one has exactly one outcome.

    opened: a firing that was not known, or fires anew. updated: it changed one that is known, as every resolve does
    that is not a repeat. duplicate: it changed nothing. suppressed: a heartbeat, or silenced or inhibited.
    quarantined: a body that could not be read counts as one.
    """

    OPENED = "opened"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The totals since the database was made, by way and outcome."""

    totals: Mapping[tuple[Way, LedgerOutcome], int]

    @property
    def received(self) -> int:
        """Every alert that was ever received, by whatever way."""
        return sum(self.totals.values())

    def by_outcome(self, way: Way | None = None) -> dict[LedgerOutcome, int]:
        """Every outcome with its total, of this way or of all, those that never happened too."""
        ways = Way if way is None else (way,)
        return {outcome: sum(self.totals.get((each, outcome), 0) for each in ways) for outcome in LedgerOutcome}
