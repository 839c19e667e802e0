"""A server at the place of a Prometheus that answers as it is told: well, wrongly, too slowly, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Part = tuple[str, float | str]
Page = tuple[int, str, bytes]
_JSON = "application/json"
_PAGES: dict[str, Page] = {
    "500": (500, _JSON, b'{"status":"error","errorType":"internal","error":"tsdb is broken"}'),
    "400": (400, _JSON, b'{"status":"error","errorType":"bad_data","error":"parse error"}'),
    "503": (503, "text/plain", b"Service Unavailable"),
    "302": (302, "text/html", b"<a href='/login'>log in</a>"),
    "HTML": (200, "text/html", b"<html><body>Welcome to your proxy</body></html>"),
    "nothing": (200, _JSON, b""),
    "an error that calls itself success": (200, _JSON, b'{"status":"success"}'),
}
HUGE = 200_000  # bytes; the client of the test reads fewer


@dataclass
class LyingPrometheus:
    """`now` is its clock, in seconds since 1970. A query that ends in `== 1` is answered in the second way."""

    now: Callable[[], float]
    when: str = "well"
    verify: str = "well"
    asked: int = 0
    url: str = ""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def vector(self, *, age: float = 1.0, value: float | str = 1, **more: object) -> bytes:
        """The answer to a combined query with one series of this age."""
        now = self.now()
        parts: list[Part] = [("value", value), ("now", now), ("current-0", now - age)]
        result = [{"metric": {"aether_part": part}, "value": [now, str(number)]} for part, number in parts]
        return _success("vector", result + list(more.pop("again", [])), **more)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0])
            query = parse_qs((await reader.readexactly(length)).decode())["query"][0]
            self.asked += 1
            mode = self.verify if "== 1" in query else self.when
            if mode == "hang":
                await reader.read()  # until the client has had enough
            else:
                await self._answer(writer, mode)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, mode: str) -> None:
        if mode == "slow drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n")
            for _ in range(300):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif mode == "reset":
            writer.transport.abort()
        else:
            writer.write(self._whole(mode))
            await writer.drain()

    def _whole(self, mode: str) -> bytes:
        status, kind, body = self._page(mode)
        length = len(body) + (500 if mode == "cut off" else 0)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        return head.encode() + body

    def _page(self, mode: str) -> Page:
        """Status, content type and body."""
        if mode in _PAGES:
            return _PAGES[mode]
        number = self.now()
        now = [{"metric": {"aether_part": "current-0"}, "value": [number, str(number)]}]
        bodies: dict[str, Callable[[], bytes]] = {
            "truncated JSON": lambda: self.vector()[:-40],
            "empty result": lambda: _success("vector", []),
            "scalar": lambda: _success("scalar", [number, "1"]),
            "string": lambda: _success("string", [number, "1"]),
            "matrix": lambda: _success("matrix", [{"metric": {}, "values": [[number, "1"]]}]),
            "huge": lambda: self.vector(filling="x" * HUGE),
            "warnings": lambda: self.vector(warnings=["no store could be asked for the last two hours"]),
            **{value: lambda value=value: self.vector(value=value) for value in ("NaN", "+Inf", "-Inf")},
            "stale": lambda: self.vector(age=301),
            "from before the action": lambda: self.vector(age=290),
            "from the future": lambda: self.vector(age=-3600),
            "a series twice": lambda: self.vector(age=400, again=now),
            "undated": lambda: _success("vector", now),
        }
        return 200, _JSON, bodies.get(mode, self.vector)()


def _success(kind: str, result: object, **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


@asynccontextmanager
async def lying_prometheus(now: Callable[[], float]) -> AsyncIterator[LyingPrometheus]:
    """The server, on a port of its own."""
    liar = LyingPrometheus(now)
    server = await asyncio.start_server(liar.handle, "127.0.0.1", 0)
    liar.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield liar
    finally:
        server.close()
        for writer in list(liar._open):
            writer.transport.abort()
        await asyncio.sleep(0)
