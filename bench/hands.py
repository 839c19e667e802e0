"""What the agent acts on while it is measured: a lab's control socket and a Prometheus, both answering at once.

Neither does anything; the hands note when each restart arrives.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_plus

from aetherlink.probes.expression import PART

_PART = re.compile(rf'"{PART}", "([^"]+)", "", ""')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC).isoformat()

Answer = Callable[[str, str, bytes], object]


@dataclass
class Hands:
    """Every service with one replica; `restarted` holds when the call for each arrived, by `time.perf_counter`."""

    restarted: dict[str, float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _starts: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, path: str, _body: bytes) -> object:
        """What the lab would say of the service."""
        name = path.split("/")[3]
        if method == "POST":
            self.restarted.setdefault(name, time.perf_counter())
            self._starts[name] = datetime.now(UTC).isoformat()
            self.news.set()
        replica = {"index": 0, "state": "ready", "started_at": self._starts.get(name, _EPOCH)}
        return {"name": name, "state": "ready", "wanted": 1, "replicas": [replica]}

    async def until(self, service: str) -> float:
        """When the restart of the service arrived; waits for it."""
        while service not in self.restarted:
            self.news.clear()
            await self.news.wait()
        return self.restarted[service]


def metrics(_method: str, path: str, body: bytes) -> object:
    """Every part of a probe's question with a fresh sample; the query itself holds, but not for what is called idle."""
    asked = unquote_plus(path + body.decode())
    now = time.time()
    values = {part: "1" if part == "value" else f"{now}" for part in _PART.findall(asked)}
    if "idle" in asked:
        values.pop("value", None)
    result = [{"metric": {PART: part}, "value": [now, value]} for part, value in values.items()]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@asynccontextmanager
async def listening(answer: Answer, *, socket: Path | None = None) -> AsyncIterator[str]:
    """A server that gives these answers, on a socket's path or on a free loopback port; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _one(reader, writer, answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    if socket is None:
        server: asyncio.Server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server, address = await asyncio.start_unix_server(serve, socket), str(socket)
    try:
        yield address
    finally:
        server.close()


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    method, path = head.decode("latin-1").split(" ", 2)[:2]
    text = json.dumps(answer(method, path, body)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text) + text)
    await writer.drain()
