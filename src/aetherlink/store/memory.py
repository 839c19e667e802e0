"""What the one writer remembers beside the database: the alerts, the open incidents, and how far the chain has come."""

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.lib.hash_chain import Chain, Key, Tally
from aetherlink.model.audit import TALLY_NAME
from aetherlink.store import agent_state, timeline
from aetherlink.store.index import REMEMBERED, AlertIndex, Staged
from aetherlink.store.known_heads import KnownHeads, StagedHeads
from aetherlink.store.layer import Layer, Write
from aetherlink.store.tables import alerts

_UNCHAINED = "unchained"  # the row of agent_state in which a migration says how many entries it left to be chained

KeySource = Callable[[bool], Key]  # is told whether entries rest on the key already


@dataclass(slots=True)
class Memory:
    """What is committed. Changed only by who has the writer's turn, after a commit."""

    key_for: KeySource
    is_anchored: Callable[[], bool] = lambda: False
    index: AlertIndex = field(default_factory=AlertIndex)
    heads: KnownHeads = field(default_factory=KnownHeads)
    tally: Tally = field(default_factory=Tally)
    key: Key = field(init=False)

    def load(self, connection: sa.Connection) -> None:
        """Read from the database what is committed there; entries from before there was a chain are chained now.

        Raises StoreError when the record of the chain is gone or cannot be read, and what the source of the key raises.
        """
        self.reload(connection)
        self.key = self.key_for(self.tally.number > 0 or timeline.is_hashed(connection))
        if agent_state.get(connection, TALLY_NAME) is None:
            chain = Chain(self.key)
            timeline.chain_all(connection, chain, expected=self._unchained(connection))
            agent_state.put(connection, TALLY_NAME, str(chain.tally))
            agent_state.remove(connection, _UNCHAINED)
            self.tally = chain.tally

    def reload(self, connection: sa.Connection) -> None:
        """Read again what is committed, when that is not known. Raises StoreError."""
        self.heads.clear()
        last = connection.execute(sa.select(sa.func.max(alerts.c.updated_at))).scalar()
        if last is not None:
            self.index.load(connection, resolved_after=last - REMEMBERED)
        tally = agent_state.get(connection, TALLY_NAME)
        try:
            self.tally = Tally() if tally is None else Tally.read(tally)
        except ValueError as problem:
            raise StoreError(f"what the database says of its timelines was changed: {problem}") from problem

    def _unchained(self, connection: sa.Connection) -> str:
        """How many entries are from before there was a chain: the database is believed until the first anchor."""
        marked = agent_state.get(connection, _UNCHAINED)
        return "0" if marked is None or self.is_anchored() else marked

    def layer(self, connect: Callable[[], sa.Connection], *, writes_last: bool = False) -> Layer:
        """A layer for one transaction, which begins when it is first asked for."""
        last: list[Write] | None = [] if writes_last else None
        return Layer(connect, Staged(self.index), StagedHeads(self.heads), Chain(self.key, self.tally), last)

    def view(self, connection: sa.Connection) -> Layer:
        """A layer for reading beside the writer: of the incidents it sees what the connection sees."""
        return Layer(lambda: connection, Staged(self.index), StagedHeads(KnownHeads()), Chain(self.key, self.tally))

    def save(self, layer: Layer) -> None:
        """Store how far the chain has come, in the transaction that moved it."""
        if layer.chain.tally.number != self.tally.number:
            tally = str(layer.chain.tally)
            layer.write(lambda connection: agent_state.put(connection, TALLY_NAME, tally))

    def keep(self, layer: Layer) -> None:
        """Take over what was committed."""
        self.index.apply(layer.alerts)
        self.heads.apply(layer.heads)
        self.tally = layer.chain.tally
