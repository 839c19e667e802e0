"""A TCP proxy that breaks one step of what goes through it: the n-th connection, request or part of an answer."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from enum import Enum

_AT_ONCE = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Fault(Enum):
    """What becomes of the step; nothing goes through that connection afterwards."""

    RESET = "the connection is reset"
    END = "the connection ends, as in order"
    HANG = "nothing more comes, ever"
    GARBAGE = "something else comes in its place, and the connection ends"


@dataclass
class FailingProxy:
    """Steps are counted over all connections. An answer is passed on in two parts, so it can break in the middle."""

    host: str
    port: int
    url: str = ""
    has_struck: bool = field(default=False, init=False)
    _left: int = 0
    _fault: Fault = Fault.RESET
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["FailingProxy"]:
        """From its opening to its removal."""
        await self.open()
        yield self
        await self.shut()

    async def open(self) -> None:
        """Take connections, always at the same address."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def shut(self) -> None:
        """Refuse every connection, and end those that there are."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def fail(self, n: int, fault: Fault) -> None:
        """Break the n-th step from now on; with 0 none."""
        self._left, self._fault, self.has_struck = n, fault, False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(self.host, self.port)
        with contextlib.suppress(ConnectionError), contextlib.closing(server), contextlib.closing(client):
            if await self._goes_on(client):
                await _first_of(self._requests(reader, server, client), self._answers(answers, client))

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while (data := await reader.read(_AT_ONCE)) and await self._goes_on(client):
            server.write(data)

    async def _answers(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await reader.read(_AT_ONCE):
            for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                if not await self._goes_on(client, len(part)):
                    return
                client.write(part)

    async def _goes_on(self, client: asyncio.StreamWriter, size: int = 8) -> bool:
        """Whether this step is carried out; else it was broken."""
        self._left -= 1
        if self._left != 0:
            return True
        self.has_struck = True
        match self._fault:
            case Fault.RESET:
                made: socket.socket = client.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                client.transport.abort()
            case Fault.GARBAGE:
                client.write(b"\xff" * size)
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.END:
                pass
        return False


async def _first_of(*works: Coroutine[object, object, None]) -> None:
    """Returns when one of them has ended; the others are ended then."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
