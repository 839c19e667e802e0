"""Docker's daemon: one connection a question, each with a deadline and a bound on what is read."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httptools

from aetherlink.errors import AnswerError, DeadlineError, RejectedError, UnreachableError

ANSWER_BYTES = 8 * 1024 * 1024
_CHUNK = 64 * 1024
_CONNECT_SECONDS = 5.0
# Clients choose the version of the API by the last two.
_PASSED_ON = frozenset({b"content-type", b"api-version", b"ostype"})
_PLAIN = re.compile(rb"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon said."""

    status: int
    body: bytes
    content_type: str = "application/json"
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked for; 304 is its word for what is so already."""
        return self.status < 400

    def json(self) -> Any:
        """The body. Raises AnswerError where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as problem:
            raise AnswerError("the daemon's answer is no JSON") from problem


@dataclass
class _Reading:
    """Collects what httptools finds in an answer."""

    head: dict[str, str] = field(default_factory=dict)
    is_headed: bool = False
    is_complete: bool = False
    body: list[bytes] = field(default_factory=list)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in _PASSED_ON and _PLAIN.fullmatch(value):
            self.head[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.is_headed = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True


class Daemon:
    """Asks the daemon on a Unix socket. Everything in a request is written here; nothing of a caller's is pasted in."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def ask(
        self, method: str, target: str, body: Mapping[str, object] | None = None, *, seconds: float
    ) -> Answer:
        """One answer, whatever its status. Raises UnreachableError, DeadlineError, AnswerError."""
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(method, target, body)
        except TimeoutError as problem:
            raise DeadlineError(f"the daemon did not answer within {seconds:g} s") from problem

    async def done(self, method: str, target: str, body: Mapping[str, object] | None = None, *, seconds: float) -> Any:
        """What it answered, as JSON. Raises RejectedError for a refusal, and what `ask` raises."""
        answer = await self.ask(method, target, body, seconds=seconds)
        if answer.is_success:
            return answer.json() if answer.body.strip() else None
        told = answer.json()
        message = told.get("message") if isinstance(told, dict) else None
        raise RejectedError(f"the daemon refused: {message or answer.status}", status=answer.status)

    async def _ask(self, method: str, target: str, body: Mapping[str, object] | None) -> Answer:
        async with self._connection() as (reader, writer), aclosing(_read(reader)) as reading:
            await _send(writer, method, target, body)
            pieces, size = [], 0
            async for piece in reading:
                pieces.append(piece)
                size += len(piece.body)
                if size > ANSWER_BYTES:
                    raise AnswerError(f"the daemon's answer is larger than {ANSWER_BYTES} bytes")
            return replace(pieces[0], body=b"".join(piece.body for piece in pieces))

    @asynccontextmanager
    async def stream(self, target: str) -> AsyncIterator[AsyncIterator[Answer]]:
        """Pieces of an endless answer as they come, each with the head.

        The first one may have an empty body. The caller bounds time and size. Raises UnreachableError,
        AnswerError.
        """
        async with self._connection() as (reader, writer), aclosing(_read(reader)) as reading:
            await _send(writer, "GET", target, None)
            yield reading

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
        except OSError as problem:  # TimeoutError is one
            raise UnreachableError(f"the daemon is not reached at {self._socket}: {problem}") from problem
        try:
            yield reader, writer
        except ConnectionError as problem:
            raise UnreachableError(f"the daemon went away: {problem}") from problem
        finally:
            writer.close()


async def _send(writer: asyncio.StreamWriter, method: str, target: str, body: Mapping[str, object] | None) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", "Connection: close", "User-Agent: aether-socket-proxy"]
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + content)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> AsyncGenerator[Answer, None]:
    """The head and a piece of the body, as often as there is something new; once at least."""
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    told_head = False
    while not reading.is_complete:
        data = await reader.read(_CHUNK)
        if not data:
            raise AnswerError("the daemon's answer ended too early")
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as problem:
            raise AnswerError(f"the daemon's answer is no HTTP: {problem}") from problem
        if reading.is_headed and (reading.body or not told_head):
            told_head = True
            yield Answer(parser.get_status_code(), b"".join(reading.body), *_split(reading.head))
            reading.body.clear()


def _split(head: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    versions = {name: value for name, value in head.items() if name != "content-type"}
    return head.get("content-type", "application/json"), versions
