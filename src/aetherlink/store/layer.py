"""One transaction as its work sees it: the connection, and what is known beside the rows until it is committed."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from aetherlink.lib.hash_chain import Chain, Key
from aetherlink.store.index import Staged
from aetherlink.store.known_heads import StagedHeads

Write = Callable[[sa.Connection], None]


@dataclass(slots=True)
class Layer:
    """What one transaction has changed so far; dropped when it is rolled back.

    `last` are the writes that whoever commits does just before, unless the transaction looks at the database sooner;
    None: everything is written where it is said.
    """

    connect: Callable[[], sa.Connection]
    alerts: Staged
    heads: StagedHeads
    chain: Chain
    last: list[Write] | None = None

    @property
    def connection(self) -> sa.Connection:
        """To look at the database, with everything in it that was written so far."""
        connection = self.connect()
        if self.last:
            self.write_last()
        return connection

    def write(self, write: Write) -> None:
        """Do a write of which nothing needs to be known, now or last of all."""
        if self.last is None:
            write(self.connect())
        else:
            self.last.append(write)

    def write_last(self) -> None:
        """Do what was put off."""
        connection = self.connect()
        while self.last:
            self.last.pop(0)(connection)

    def layer(self, key: Key) -> "Layer":
        """A layer above this one, for one savepoint."""
        return Layer(self.connect, Staged(self.alerts), StagedHeads(self.heads), Chain(key, self.chain.tally))

    def absorb(self, upper: "Layer") -> None:
        """The savepoint of the layer above was released."""
        self.alerts.absorb(upper.alerts)
        self.heads.absorb(upper.heads)
        self.chain.tally = upper.chain.tally
