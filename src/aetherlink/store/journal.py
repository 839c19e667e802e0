"""The journal: webhook bodies as they came, compressed, those of one commit in one row."""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
import zstandard

from aetherlink.model.ids import SourceName
from aetherlink.model.journal import JournalBody
from aetherlink.store.layer import Layer
from aetherlink.store.statements import insert_rows, instant, micros
from aetherlink.store.tables import journal

_LEVEL = 1  # the quickest: these bodies shrink to a tenth all the same


class _Compressor(threading.local):
    """One a thread: to make one takes as long as to compress the bodies of a whole commit."""

    def __init__(self) -> None:
        self.of_thread = zstandard.ZstdCompressor(level=_LEVEL)


_compressor = _Compressor()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[int, str, bytes]])


class SqlJournalRows:
    """See ports.JournalRows."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    @property
    def _connection(self) -> sa.Connection:
        return self._layer.connection

    def add(self, bodies: Sequence[JournalBody]) -> None:
        """Keep these bodies."""
        self._layer.write(lambda connection: _insert(connection, bodies))

    def since(self, at: datetime) -> Iterator[JournalBody]:
        """The bodies received at or after this instant, in their order."""
        query = sa.select(journal.c.payload, journal.c.raw_bytes).where(journal.c.at >= at).order_by(journal.c.id)
        for payload, size in self._connection.execute(query, execution_options={"yield_per": 100}):
            plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
            for when, source, body in _decoder.decode(plain):
                if instant(when) >= at:
                    yield JournalBody(instant(when), SourceName(source), body)

    def prune(self, before: datetime, *, most_bytes: int, limit: int) -> int:
        """Delete the oldest rows: those from before this instant, and what is beyond so many bytes altogether."""
        newest_first = journal.c.id.desc()
        held = sa.func.sum(journal.c.stored_bytes).over(order_by=newest_first).label("held")
        counted = sa.select(journal.c.id, journal.c.at, held).subquery()
        beyond = sa.or_(counted.c.at < before, counted.c.held > most_bytes)
        gone = list(self._connection.scalars(sa.select(counted.c.id).where(beyond).order_by(counted.c.id).limit(limit)))
        self._connection.execute(sa.delete(journal).where(journal.c.id.in_(gone)))
        return len(gone)


def _insert(connection: sa.Connection, bodies: Sequence[JournalBody]) -> None:
    plain = _encoder.encode([(micros(each.at), each.source, each.body) for each in bodies])
    payload = _compressor.of_thread.compress(plain)
    row = (micros(bodies[-1].at), len(bodies), len(plain), len(payload), payload)
    insert_rows(connection, journal, [row], but="id")
