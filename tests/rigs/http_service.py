"""A service on a loopback port that is looked at and asked for things, keeps record of that, and answers as told.

It reads and writes bytes, for what it is to do wrong no HTTP library does.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aetherlink.clients.http_target_options import HttpTargetOptions
from rigs.accepted import Accepting

_DRIP = 0.2  # seconds from one byte to the next
_BEFORE = b"HTTP/1.1 "


class Spoil(StrEnum):
    """What becomes of a request and of its answer."""

    HANG = "it is taken, and never answered"
    DRIP = "the head of its answer comes byte by byte"
    DRIPPING_BODY = "its answer is a 200, whose body comes byte by byte"
    HUGE = "its answer is a 200 with a body without end"
    SHORT = "its answer is a 200, and ends before what it promised"
    RESET = "the connection is reset after it arrived"
    NO_HTTP = "its answer is not HTTP"
    LONG_HEAD = "the head of its answer has no end"
    PACKED = "its answer is a 200, packed as nobody asked for"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class HttpService(Accepting):
    """`health` and `status` are what looks and requests are answered with, `spoil` is for requests only.

    `before` is called once a request has arrived whole.
    """

    port: int = 0
    health: int = 200
    status: int = 200
    spoil: Spoil | None = None
    looks_too: bool = False
    more: str = ""
    asked: list[Asked] = field(default_factory=list)
    looks: list[Asked] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> HttpTargetOptions:
        """A target that is this service, with the requests `purge` and `drop`."""
        purge = {"url": f"{self.url}/purge?all=1", "headers": {"X-Shop": "crm"}, "body": '{"all": true}'}
        drop = {"method": "DELETE", "url": f"{self.url}/cache"}
        return HttpTargetOptions.model_validate(
            {"observe": {"url": f"{self.url}/health"}, "requests": {"purge": purge, "drop": drop}}
        )

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken = (asyncio.IncompleteReadError, ConnectionError)
        with contextlib.suppress(*broken), contextlib.closing(writer):
            asked = await _request(reader)
            is_look = asked.method == "GET"
            (self.looks if is_look else self.asked).append(asked)
            if not is_look:
                self.before()
            if self.spoil is not None and (not is_look or self.looks_too):
                await _spoiled(self.spoil, writer)
                return
            status = self.health if is_look else self.status
            body = _echo(asked)
            writer.write(_BEFORE + f"{status} So\r\n{self.more}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()


def _echo(asked: Asked) -> bytes:
    """All that it was sent, a token too: a server may do that."""
    return json.dumps(dict(asked.headers)).encode()


async def _request(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _spoiled(spoil: Spoil, writer: asyncio.StreamWriter) -> None:
    match spoil:
        case Spoil.HANG:
            await asyncio.Event().wait()
        case Spoil.DRIP:
            await _dripped(writer, _BEFORE + b"200 OK\r\n" + b"x-more: y\r\n" * 1000)
        case Spoil.DRIPPING_BODY:
            writer.write(_BEFORE + b"200 OK\r\ncontent-length: 1000\r\n\r\n")
            await _dripped(writer, b"x" * 1000)
        case Spoil.HUGE:
            writer.write(_BEFORE + b"200 OK\r\nconnection: close\r\n\r\n")
            await _without_end(writer, b"x" * 65536)
        case Spoil.SHORT:
            writer.write(_BEFORE + b"200 OK\r\ncontent-length: 1000\r\n\r\nfar less")
        case Spoil.RESET:
            writer.transport.abort()
        case Spoil.NO_HTTP:
            writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        case Spoil.LONG_HEAD:
            writer.write(_BEFORE + b"200 OK\r\n")
            await _without_end(writer, b"x-more: " + b"y" * 1000 + b"\r\n")
        case Spoil.PACKED:
            writer.write(_BEFORE + b"200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope")


async def _dripped(writer: asyncio.StreamWriter, answer: bytes) -> None:
    for byte in answer:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(_DRIP)


async def _without_end(writer: asyncio.StreamWriter, part: bytes) -> None:
    while not writer.is_closing():
        writer.write(part)
        await writer.drain()


@contextlib.asynccontextmanager
async def http_service() -> AsyncIterator[HttpService]:
    service = HttpService()
    await service.start()
    yield service
    await service.stop()
