"""The ledger's totals, counted up in the transaction that stores what they count."""

from collections.abc import Mapping
from functools import lru_cache

import sqlalchemy as sa

from aetherlink.model.ledger import Ledger, LedgerOutcome, Way
from aetherlink.store.layer import Layer
from aetherlink.store.statements import run, text_of
from aetherlink.store.tables import ledger

_MORE = (
    sa.update(ledger)
    .values(total=ledger.c.total + sa.bindparam("more", type_=sa.BigInteger))
    .where(ledger.c.way == sa.bindparam("its_way"), ledger.c.outcome == sa.bindparam("its_outcome"))
)


@lru_cache(maxsize=2)
def _more(dialect: str) -> str:
    return text_of(_MORE, dialect)


class SqlLedgerRows:
    """See ports.LedgerRows."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def add(self, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
        """Count these up."""
        copy = dict(counts)
        self._layer.write(lambda connection: _add(connection, copy))

    def totals(self) -> Ledger:
        """What was counted so far."""
        found = self._layer.connection.execute(sa.select(ledger))
        return Ledger({(Way(row.way), LedgerOutcome(row.outcome)): row.total for row in found})


def _add(connection: sa.Connection, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
    text = _more(connection.dialect.name)
    for (way, outcome), more in counts.items():
        if more and not run(connection, text, (more, way.value, outcome.value)).rowcount:
            first = {"way": way.value, "outcome": outcome.value, "total": more}
            connection.execute(sa.insert(ledger).values(first))
