"""People, as the demo has them: an address on this machine that takes the webhook's messages and shows them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 1024 * 1024
_PATIENCE = 5.0  # seconds for a whole request
_DONE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

Message = Mapping[str, Any]


class Sink:
    """Each message goes to `show` as it comes, which says whether it was shown. `url` is where it listens."""

    def __init__(self, show: Callable[[Message], bool]) -> None:
        self.url = ""
        self._show = show
        self._ended = asyncio.Event()

    async def has_ended(self, within: float) -> bool:
        """Whether an incident that was shown is over, within so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._ended.wait()
        except TimeoutError:
            return False

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; what is none is refused."""
        try:
            async with asyncio.timeout(_PATIENCE):
                message = await _read(reader)
            self._take(message)
            answer = _DONE
        except (ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            answer = _REFUSED
        writer.write(answer)
        writer.close()

    def _take(self, message: Message) -> None:
        if self._show(message) and message.get("incident", {}).get("status") == "resolved":
            self._ended.set()


@asynccontextmanager
async def listening(show: Callable[[Message], bool]) -> AsyncIterator[Sink]:
    """A sink on a free port of this machine, for as long as the block lasts."""
    sink = Sink(show)
    server = await asyncio.start_server(sink.take, "127.0.0.1", 0, limit=_LONGEST_HEAD)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield sink
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Message:
    """Raises ValueError for what is no message."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")]
    length = int(lengths[0]) if lengths else 0
    if not 0 < length <= _LONGEST_BODY:
        raise ValueError("no body, or too much of it")
    message = json.loads(await reader.readexactly(length))
    if not isinstance(message, dict):
        raise ValueError("a message is an object")  # noqa: TRY004 - it came from outside: nobody's type is wrong
    return message
