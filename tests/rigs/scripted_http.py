"""An HTTP server that stands for a real service: what a kind of it does with a request, and what goes wrong on the way.

It reads and writes bytes, for what it is to do wrong no HTTP library does.
"""

import asyncio
import contextlib
import json
import ssl
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rigs.accepted import Accepting


class Spoil(StrEnum):
    """What becomes of a request and of its answer."""

    HANG = "it is never answered"
    DRIP = "the head of its answer comes byte by byte"
    RESET = "the connection is reset after it arrived"
    HUGE = "its answer has no end"
    NO_HTTP = "its answer is not HTTP"
    REDIRECT = "its answer leads elsewhere"


@dataclass(frozen=True)
class Lapse:
    """What goes wrong with one request. `is_heard`: the service took it all the same."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    spoil: Spoil | None = None
    is_heard: bool = False


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body."""
        return json.loads(self.body)


Reply = tuple[int, object]
"""A status and what is sent as JSON."""


@dataclass
class ScriptedHttp(Accepting):
    """`lapses` are for the next requests, one each; `standing` is for all of them while it is set."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    lapses: deque[Lapse] = field(default_factory=deque)
    standing: Lapse | None = None
    requests: list[Request] = field(default_factory=list)
    elsewhere: int = 0
    """How often something came where a redirect leads to."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port of before where it had one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    @abstractmethod
    def forget(self) -> None:
        """Be as new."""

    @abstractmethod
    def heard(self, request: Request) -> Reply:
        """What the service makes of it, in its published form."""

    def refused(self, status: int) -> object:
        """What it says with a status that is no success, in its published form, with all that it was told."""
        return {"status": status, "heard": [request.body.decode("utf-8", "replace") for request in self.requests[-1:]]}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError)
        with contextlib.suppress(*broken), contextlib.closing(writer):
            while True:
                request = await _read(reader)
                if request.path == "/elsewhere":
                    self.elsewhere += 1
                self.requests.append(request)
                await self._answered(request, writer)

    async def _answered(self, request: Request, writer: asyncio.StreamWriter) -> None:
        lapse = self.lapses.popleft() if self.lapses else self.standing
        is_heard = lapse is None or lapse.is_heard
        reply = self.heard(request) if is_heard else (lapse.status, self.refused(lapse.status))
        if lapse is not None and lapse.spoil is not None:
            await _spoiled(lapse.spoil, writer)
            raise ConnectionError
        _write(writer, reply, {} if lapse is None else lapse.headers)
        await writer.drain()


def _write(writer: asyncio.StreamWriter, reply: Reply, headers: Mapping[str, str]) -> None:
    body = json.dumps(reply[1]).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {reply[0]} So\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _read(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _spoiled(spoil: Spoil, writer: asyncio.StreamWriter) -> None:
    match spoil:
        case Spoil.HANG:
            await asyncio.Event().wait()
        case Spoil.DRIP:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"x-more: y\r\n" * 1000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        case Spoil.RESET:
            writer.transport.abort()
        case Spoil.HUGE:
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x" * 65536)
                await writer.drain()
        case Spoil.NO_HTTP:
            writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            await writer.drain()
        case Spoil.REDIRECT:
            writer.write(b"HTTP/1.1 307 Over there\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
