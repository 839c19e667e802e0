"""A Unix socket before a Docker daemon, thin or real, that writes down every request and spoils answers.

The daemon behind it keeps the record of what was really done; nothing of the product has a part in that.
"""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_DRIP = 0.5  # seconds from one byte to the next


class Spoil(StrEnum):
    """What becomes of a request and of its answer."""

    HANG = "it is taken, and nothing is done or answered, ever"
    HANG_AFTER = "it is carried out, and never answered"
    DRIP = "it is carried out, and the answer comes a byte at a time"
    REPLY_LOST = "it is carried out, and the connection ends before the answer"
    ERROR_500 = "it is carried out, and answered with 500"
    CONFLICT_409 = "it is carried out, and answered with 409"
    NOT_FOUND_404 = "it is carried out, and answered with 404"
    NONSENSE = "it is carried out, and answered with 400 and a list"
    TRUNCATED = "it is carried out, and half of an answer comes"
    ENDLESS = "it is carried out, and the answer's body never ends"
    REDIRECT = "it is carried out, and answered with a way to prune everything"
    DOWNGRADE = "it is not carried out, for the daemon does not speak that version any more"
    LIE = "it is not carried out, and answered with 204"


_PLAIN = {
    Spoil.ERROR_500: ("500 Oops", b'{"message": "no"}'),
    Spoil.CONFLICT_409: ("409 Conflict", b'{"message": "no"}'),
    Spoil.NOT_FOUND_404: ("404 Not Found", b'{"message": "no"}'),
    Spoil.NONSENSE: ("400 Bad", b"[1, 2]"),
    Spoil.REDIRECT: ("307 There\r\nLocation: /images/prune", b""),
    Spoil.DOWNGRADE: ("400 Bad", b'{"message": "client version 1.41 is too new. Maximum supported is 1.24"}'),
    Spoil.LIE: ("204 Done", b""),
}
_NOT_CARRIED_OUT = (Spoil.HANG, Spoil.DOWNGRADE, Spoil.LIE)


@dataclass
class BadDocker:
    """Spoils changes where `only` says so of the request line; looks as well where `looks_too`; all after a change
    where `then`. `before` and `after` are called around every change."""

    socket: Path
    upstream: Path
    spoil: Spoil | None = None
    only: Callable[[str], bool] = lambda _: True
    looks_too: bool = False
    then: bool = False
    hanging: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket, backlog=200)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def changes(self) -> list[str]:
        """The request lines of what may change something."""
        return [line for line in self.asked if not line.startswith("GET ")]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(client):
            request = await reader.readuntil(b"\r\n\r\n")
            request += await reader.readexactly(body_length(request))
            line = request.partition(b"\r\n")[0].decode()
            self.asked.append(line)
            is_change = not line.startswith("GET ")
            if is_change:
                self.before()
            spoil = self.spoil if (is_change or self.looks_too) and self.only(line) else None
            self.looks_too |= is_change and self.then
            if spoil is None:
                answer = await self._answer(request)
                if is_change:
                    self.after()
                client.write(answer)
                await client.drain()
            else:
                await self._spoil(spoil, request, reader, client)

    async def _spoil(
        self, spoil: Spoil, request: bytes, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        answer = b"" if spoil in _NOT_CARRIED_OUT else await self._answer(request)
        match spoil:
            case Spoil.HANG | Spoil.HANG_AFTER:
                self.hanging += 1
                await _gone(reader)
            case Spoil.DRIP:
                await _dripped(answer, reader, client)
            case Spoil.TRUNCATED:
                client.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Id": "')
            case Spoil.ENDLESS:
                client.write(b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    client.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                    await client.drain()
            case Spoil.REPLY_LOST:
                pass
            case _:
                status, body = _PLAIN[spoil]
                client.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await client.drain()

    async def _answer(self, request: bytes) -> bytes:
        """The daemon's, whole: the agent asks for an end of the connection after each."""
        reader, writer = await asyncio.open_unix_connection(self.upstream)
        with contextlib.closing(writer):
            writer.write(request)
            return await reader.read()


def body_length(head: bytes) -> int:
    """Bytes that follow the head."""
    found = re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE)
    return int(found[1]) if found else 0


async def _gone(reader: asyncio.StreamReader) -> None:
    """Wait until the client has hung up."""
    while await reader.read(1024):
        pass
    raise ConnectionResetError


async def _dripped(answer: bytes, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """Byte by byte, until the client has hung up."""
    hung_up = asyncio.ensure_future(reader.read(1))
    try:
        for byte in answer:
            client.write(bytes([byte]))
            if (await asyncio.wait({hung_up}, timeout=_DRIP))[0]:
                return
    finally:
        hung_up.cancel()


@contextlib.asynccontextmanager
async def bad_docker(upstream: Path) -> AsyncIterator[BadDocker]:
    """A bad socket before the daemon at that one."""
    with tempfile.TemporaryDirectory(prefix="bad-") as folder:
        made = BadDocker(Path(folder) / "docker.sock", upstream)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
