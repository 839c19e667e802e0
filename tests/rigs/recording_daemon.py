"""A thin Docker daemon on a Unix socket that writes down every request as it came, for tests of the socket proxy.

Containers are given as the daemon would show them; all else is answered with an empty success. Nothing of the proxy has
a part in what is recorded: the bytes are read by httptools.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools

MANAGED_ID = "a" * 64
OTHER_ID = "b" * 64


def container(id_: str, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """As inspected, with a password in its environment."""
    return {
        "Id": id_,
        "Name": f"/{name}",
        "Image": f"sha256:{'1' * 64}",
        "State": {"Running": True, "Status": "running"},
        "Config": {"Labels": dict(labels), "Env": ["PASSWORD=hunter2"]},
        "HostConfig": {"NetworkMode": "none"},
        "NetworkSettings": {"Networks": {}},
    }


@dataclass(frozen=True)
class Asked:
    """One request as it came over the socket."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class RecordingDaemon:
    """`answers` are raw bodies by path, over what the containers give; while `answering` is not set, it hangs."""

    containers: list[dict[str, Any]]
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    raw: bytes | None = None
    answering: asyncio.Event = field(default_factory=_set)

    @property
    def changes(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            if asked is not None:
                self.asked.append(asked)
                await self.answering.wait()
                writer.write(self.raw if self.raw is not None else self._answer(asked))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, asked: Asked) -> bytes:
        path = asked.target.partition("?")[0]
        if path in self.answers:
            return _response(200, self.answers[path])
        if asked.method == "POST":
            return _response(204, b"")
        parts = path.strip("/").split("/")
        if parts[-3:-2] == ["containers"] and parts[-1] == "json":
            found = [one for one in self.containers if parts[-2] in {one["Id"], one["Name"].strip("/")}]
            return _response(200, json.dumps(found[0]).encode()) if found else _response(404, b'{"message":"no such"}')
        return _response(200, b"[]" if path.endswith("/containers/json") else b"{}")


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Word\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nX-Secret: 1\r\n"
    return (head + ("\r\n" if status == 204 else f"Content-Length: {len(body)}\r\n\r\n")).encode() + body


class _Reading:
    def __init__(self) -> None:
        self.url, self.body, self.headers, self.is_over = b"", b"", {}, False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_over = True


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    while not reading.is_over:
        data = await reader.read(65536)
        if not data:
            return None
        parser.feed_data(data)
    return Asked(parser.get_method().decode(), reading.url.decode(), reading.headers, reading.body)


@asynccontextmanager
async def recording_daemon(socket: Path) -> AsyncIterator[RecordingDaemon]:
    """With two containers: `api`, which may be changed, and `other`, which may not."""
    daemon = RecordingDaemon(
        [container(MANAGED_ID, "api", {"aether.managed": "true"}), container(OTHER_ID, "other", {})]
    )
    server = await asyncio.start_unix_server(daemon.serve, socket)
    try:
        yield daemon
    finally:
        daemon.answering.set()
        server.close()
