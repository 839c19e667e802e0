"""A loopback server in the test's own event loop, for JSON only: whoever inherits it says what it answers."""

import asyncio
import contextlib
import json
from abc import abstractmethod
from dataclasses import dataclass
from http import HTTPStatus

from rigs.accepted import Accepting


@dataclass
class Answering(Accepting):
    """`url` is where it listens once it has been started."""

    url: str = ""

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @abstractmethod
    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and the body for one request; the path comes with its query."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                status, body = await self.answer(*(await _read(reader)))
                head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()


def as_json(content: object, status: int = 200) -> tuple[int, bytes]:
    """An answer of this content."""
    return status, json.dumps(content).encode()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, path, _ = head.split(" ", 2)
    lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
    return method, path, body
