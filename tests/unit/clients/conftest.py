"""A real HTTP server, on a loopback port or a Unix socket, that says exactly the bytes a test wants."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """What the server answers, and what it was sent. `connections` counts those accepted so far."""

    port: int = 0
    socket: Path = Path()
    answer: bytes = b""
    handler: Handler | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, status: str, body: bytes, content_type: str = "application/json", headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.answer = head.encode() + body

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                self.requests.append(await _read_request(reader))
                if self.handler is not None:
                    await self.handler(self.requests[-1], writer)
                else:
                    writer.write(self.answer)
                await writer.drain()

    async def stop(self) -> None:
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b"")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Answers 200 with an empty body until told otherwise."""
    wire = Wire()
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    wire.say("200 OK", b"")
    yield wire
    server.close()
    await wire.stop()


@pytest.fixture
async def socket_wire() -> AsyncIterator[Wire]:
    """The same on a Unix socket, in a folder whose name is short enough for one."""
    wire = Wire()
    with tempfile.TemporaryDirectory(prefix="wire-", dir="/tmp") as folder:
        wire.socket = Path(folder) / "control.sock"
        server = await asyncio.start_unix_server(wire.accept, wire.socket)
        wire.say("200 OK", b"")
        yield wire
        server.close()
        await wire.stop()
