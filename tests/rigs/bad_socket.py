"""A Unix socket between an executor and thin labs (rigs.lab_server) that spoils what goes through it.

The labs behind it keep the record of what was really done; nothing of the product has a part in that.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rigs.lab_server import LabServer, lab_server

_DRIP = 1.0  # seconds from one byte to the next


class Spoil(StrEnum):
    """What becomes of a request and of its answer."""

    HANG = "it is taken, and nothing is done or answered, ever"
    HANG_AFTER = "it is carried out, and never answered"
    DRIP = "it is carried out, and the answer comes a byte a second"
    REPLY_LOST = "it is carried out, and the connection ends before the answer"
    ERROR_500 = "it is carried out, and answered with 500"
    CONFLICT_409 = "it is carried out, and answered with 409"
    NOT_FOUND_404 = "it is carried out, and answered with 404"
    TRUNCATED = "it is carried out, and half of the answer's JSON comes, as if it were the whole"
    OTHER_VERSION = "it is carried out, and answered in the form of another version"
    KILLED = "the lab is killed in the middle of it, and is there again at once"


_STATUS = {Spoil.ERROR_500: "500 Oops", Spoil.CONFLICT_409: "409 Conflict", Spoil.NOT_FOUND_404: "404 Not Found"}


@dataclass
class BadSocket:
    """Spoils changes of the service `only`, looks as well where `looks_too`, looks after a change where `then`."""

    socket: Path
    labs: dict[str, LabServer]
    spoil: Spoil | None = None
    only: str = "crm"
    looks_too: bool = False
    then: bool = False
    hanging: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        broken = (asyncio.IncompleteReadError, ConnectionError)
        with contextlib.suppress(*broken), contextlib.closing(client):
            while True:
                request = await _message(reader)
                name, is_change = _about(request)
                spoil = self.spoil if name == self.only and (is_change or self.looks_too) else None
                self.looks_too |= is_change and self.then
                if spoil is None:
                    client.write(await _asked(self.labs[name], request))
                elif not await self._spoiled(spoil, self.labs[name], request, _Client(reader, client)):
                    return
                await client.drain()

    async def _spoiled(self, spoil: Spoil, lab: LabServer, request: bytes, client: "_Client") -> bool:
        """Whether the connection goes on."""
        if spoil is Spoil.HANG:
            self.hanging += 1
            await client.gone()
        if spoil is Spoil.KILLED:
            await lab.stop()
            await lab.start()
            return False
        answer = await _asked(lab, request)
        match spoil:
            case Spoil.HANG_AFTER:
                await client.gone()
            case Spoil.DRIP:
                await client.dripped(answer)
            case Spoil.ERROR_500 | Spoil.CONFLICT_409 | Spoil.NOT_FOUND_404:
                client.writer.write(_reply(_STATUS[spoil], b'{"title": "no"}'))
                return True
            case Spoil.TRUNCATED:
                body = answer.partition(b"\r\n\r\n")[2]
                client.writer.write(_reply("200 OK", body[: len(body) // 2]))
                return True
            case Spoil.OTHER_VERSION:
                service = {"apiVersion": "lab/v2", "service": {"metadata": {"name": "crm"}}}
                client.writer.write(_reply("200 OK", json.dumps(service).encode()))
                return True
        return False


@dataclass
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def gone(self) -> None:
        """Wait until it has hung up."""
        while await self.reader.read(1024):
            pass
        raise ConnectionResetError

    async def dripped(self, answer: bytes) -> None:
        """Byte by byte, until it has hung up."""
        hung_up = asyncio.ensure_future(self.reader.read(1))
        try:
            for byte in answer:
                self.writer.write(bytes([byte]))
                if (await asyncio.wait({hung_up}, timeout=_DRIP))[0]:
                    return
        finally:
            hung_up.cancel()


def _about(request: bytes) -> tuple[str, bool]:
    """The service's name, and whether it is to be changed."""
    method, path, _ = request.split(b" ", 2)
    return path.decode().split("/")[3], method == b"POST"


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b"")


async def _asked(lab: LabServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(lab.socket)
    with contextlib.closing(writer):
        writer.write(request)
        return await _message(reader)


def _reply(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def bad_socket() -> AsyncIterator[BadSocket]:
    """A bad socket before two labs, one with the service `crm` and one with `shop`."""
    async with lab_server() as crm, lab_server() as shop:
        shop.name = "shop"
        made = BadSocket(crm.socket.with_name("bad.sock"), {"crm": crm, "shop": shop})
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
