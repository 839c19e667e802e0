"""The ledger's totals, counted up in the transaction that stores what they count."""

from collections.abc import Mapping

import sqlalchemy as sa

from aetherlink.model.ledger import Ledger, LedgerOutcome, Way
from aetherlink.store.tables import ledger

_MORE = (
    sa.update(ledger)
    .where(ledger.c.way == sa.bindparam("its_way"), ledger.c.outcome == sa.bindparam("its_outcome"))
    .values(total=ledger.c.total + sa.bindparam("more"))
)


class SqlLedgerRows:
    """See ports.LedgerRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
        """Count these up."""
        for (way, outcome), more in counts.items():
            values = {"its_way": way.value, "its_outcome": outcome.value, "more": more}
            if more and not self._connection.execute(_MORE, values).rowcount:
                first = {"way": way.value, "outcome": outcome.value, "total": more}
                self._connection.execute(sa.insert(ledger).values(first))

    def totals(self) -> Ledger:
        """What was counted so far."""
        found = self._connection.execute(sa.select(ledger))
        return Ledger({(Way(row.way), LedgerOutcome(row.outcome)): row.total for row in found})
