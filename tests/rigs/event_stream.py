"""A thin Docker daemon that only tells events, as dockerd does: what it remembers first, then as it happens.

What becomes of a stream, or of an answer about the past, can be given in its place: `stream` and `past` say.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rigs.accepted import Accepting

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def line(action: str, container: str, at: datetime, kind: str = "container") -> bytes:
    """One event, with the nanoseconds that a datetime does not have."""
    nanoseconds = (at - EPOCH) // timedelta(microseconds=1) * 1000 + 789
    actor = {"ID": container, "Attributes": {"image": "acme/crm:2", "name": "crm"}}
    told = {"Type": kind, "Action": action, "Actor": actor, "scope": "local", "timeNano": nanoseconds}
    return json.dumps(told).encode() + b"\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def left(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Nothing is said, until the caller has gone."""
    while await reader.read(1024):
        pass


@dataclass
class EventStream(Accepting):
    """`asked` has the query of every request; `streams` those that hear what happens."""

    socket: Path
    asked: list[dict[str, str]] = field(default_factory=list)
    streams: list[asyncio.StreamWriter] = field(default_factory=list)
    stream: Play | None = None
    past: Play | None = None
    _remembered: list[tuple[datetime, bytes]] = field(default_factory=list)

    @property
    def followed(self) -> list[dict[str, str]]:
        """The queries of streams."""
        return [one for one in self.asked if "until" not in one]

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket)

    def tell(
        self, action: str, container: str, at: datetime, *, is_delivered: bool = True, is_kept: bool = True
    ) -> None:
        """It happens: whoever follows hears it where it is delivered, and it is remembered where it is kept."""
        told = line(action, container, at)
        if is_kept:
            self._remembered.append((at, told))
        for each in self.streams if is_delivered else ():
            each.write(chunk(told))

    def forget(self) -> None:
        self._remembered.clear()

    def cut(self) -> None:
        """Break off every stream."""
        for each in self.streams:
            each.transport.abort()
        self.streams.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
            self.asked.append(query)
            play = self.past if "until" in query else self.stream
            await (play or self._tell(query))(reader, writer)
            await writer.drain()

    def _tell(self, query: dict[str, str]) -> Play:
        since = EPOCH + timedelta(seconds=float(query["since"]))
        wanted = [told for at, told in self._remembered if at >= since - timedelta(microseconds=1)]

        async def past(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + b"".join(map(chunk, wanted)) + END)

        async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + b"".join(map(chunk, wanted)))
            self.streams.append(writer)
            await left(reader, writer)

        return past if "until" in query else stream


@contextlib.asynccontextmanager
async def event_stream() -> AsyncIterator[EventStream]:
    """On a Unix socket of its own."""
    with tempfile.TemporaryDirectory(prefix="events-") as folder:
        made = EventStream(Path(folder) / "docker.sock")
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
