"""A thin lab: one service behind the control API of a lab, on a real Unix socket, with mishaps on request.

It answers as the real control API does (tests/integration/lab says how); its replicas are numbers, not processes.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path


class Mishap(StrEnum):
    """What goes wrong with the next change."""

    REPLY_LOST = "carried out, but the connection ends before the reply"
    REQUEST_LOST = "not carried out, and the connection ends before a reply"
    GONE = "not carried out, and the lab does not answer any more"
    SILENCE = "not carried out, and no reply ever comes"
    LATE = "carried out, but reported as not ready in time"
    NOT_READY = "reported as not ready in time, and it is not"
    LIE = "reported as done, and it is not"
    NONSENSE = "not carried out, and the reply is no JSON"
    NO_AFTER_THE_ACT = "carried out, but answered that there is no such service"
    NO_BEFORE_IT_IS_READY = "carried out, not ready yet, and answered that there is no such service"


_CARRIED_OUT = (Mishap.REPLY_LOST, Mishap.LATE, Mishap.NO_AFTER_THE_ACT, Mishap.NO_BEFORE_IT_IS_READY)


@dataclass
class LabServer:
    """One service, `crm` at first, of one to four replicas, releases 1.0.0 and 1.1.0; `told` lies over its view.

    `before` and `after` are called around every change; `changes` were asked for, `restarts` were really made.
    Whatever is asked of it in vain is kept in `refused`; `beside` are services that are well, and only looked at.
    """

    socket: Path
    mishap: Mishap | None = None
    name: str = "crm"
    beside: tuple[str, ...] = ()
    refused: list[tuple[str, str]] = field(default_factory=list)
    told: dict[str, object] = field(default_factory=dict)
    changes: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    started: list[datetime] = field(default_factory=lambda: [datetime(2026, 1, 1, tzinfo=UTC)])
    state: str = "ready"
    release: str = "1.1.0"
    previous_release: str | None = "1.0.0"
    delay: float = 0.0
    refuses: bool = False
    restarts: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.socket.unlink(missing_ok=True)
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while answer := await self._answer(*(await _read(reader))):
                writer.write(answer)
                await writer.drain()

    async def _answer(self, method: str, path: str, wish: dict[str, object]) -> bytes:
        """The whole reply; empty ends the connection."""
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "services"] or parts[2:3] != [self.name]:
            if method == "GET" and parts[-1] in self.beside:
                return _json("200 OK", {**self._view(), "name": parts[-1]})
            self.refused.append((method, path))
            return _problem("404 Not Found", f"this lab has no service {parts[-1]!r}")
        if method == "GET":
            return _json("200 OK", self._view())
        self.changes.append((parts[3], wish))
        self.before()
        if self.mishap is not None:
            return await self._go_wrong(self.mishap, parts[3], wish)
        problem = "it refuses" if self.refuses else self._change(parts[3], wish)
        self.after()
        await asyncio.sleep(self.delay)
        return _problem("409 Conflict", problem) if problem else _json("200 OK", self._view())

    async def _go_wrong(self, mishap: Mishap, verb: str, wish: dict[str, object]) -> bytes:
        self.mishap = None
        if mishap in _CARRIED_OUT:
            self._change(verb, wish)
        match mishap:
            case Mishap.LATE | Mishap.NOT_READY:
                return _problem("504 Gateway Timeout", "crm was starting when the deadline passed")
            case Mishap.NO_AFTER_THE_ACT:
                return _problem("404 Not Found", "there is no such service")
            case Mishap.NO_BEFORE_IT_IS_READY:
                self.state = "starting"
                return _problem("404 Not Found", "there is no such service")
            case Mishap.LIE:
                return _json("200 OK", self._view())
            case Mishap.NONSENSE:
                return _reply("200 OK", b"<html>", "text/html")
            case Mishap.SILENCE:
                await asyncio.Event().wait()
            case Mishap.GONE:
                await self.stop()
        return b""

    def _change(self, verb: str, wish: dict[str, object]) -> str:
        """Carry it out; the words of the refusal where there is one."""
        match verb, wish:
            case "restart", {"started_after": str() as after}:
                instant = datetime.fromisoformat(after)
                self.restarts += any(at <= instant for at in self.started)
                self.started = [max(at, instant) if at > instant else _now_after(instant) for at in self.started]
            case "scale", {"replicas": int() as count} if 1 <= count <= 4:
                self.started = (self.started + [datetime.now(UTC)] * 4)[:count]
            case "deploy", {"release": "1.0.0" | "1.1.0" as release}:
                if release != self.release:
                    self.release, self.previous_release = release, self.release
            case _:
                return f"crm cannot {verb} {wish}"
        self.state = "ready"
        return ""

    def _view(self) -> dict[str, object]:
        replicas = [
            {
                "index": index,
                "pid": 1000 + index,
                "port": 9000 + index,
                "state": self.state,
                "started_at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
                "exit_code": None,
            }
            for index, at in enumerate(self.started)
        ]
        releases = {"release": self.release, "previous_release": self.previous_release}
        bounds = {"min": 1, "max": 4, "wanted": len(self.started)}
        own = {"name": self.name, "state": self.state, "url": None, "log": "", **releases, **bounds}
        return {**own, "replicas": replicas, **self.told}


def _now_after(instant: datetime) -> datetime:
    return max(datetime.now(UTC), instant.replace(microsecond=min(instant.microsecond + 1, 999_999)))


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, object]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, path, _ = head.split(" ", 2)
    lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b"{}"
    return method, path, json.loads(body)


def _reply(status: str, body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _json(status: str, content: object) -> bytes:
    return _reply(status, json.dumps(content).encode(), "application/json")


def _problem(status: str, detail: str) -> bytes:
    return _reply(status, json.dumps({"title": status, "detail": detail}).encode(), "application/problem+json")


@contextlib.asynccontextmanager
async def lab_server(kind: type[LabServer] = LabServer) -> AsyncIterator[LabServer]:
    """A thin lab that runs until the block ends, in a folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp") as folder:
        server = kind(Path(folder) / "control.sock")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
