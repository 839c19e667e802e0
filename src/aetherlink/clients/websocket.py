"""A WebSocket (RFC 6455) as far as a listener needs it: text comes in, short answers go out, everything is bounded.

Slack's SDK has clients of its own, which bring a second HTTP library, or wait without an end, believe any length that
is announced, and speak without TLS on every port but 443.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import os
import ssl
import struct
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from aetherlink.errors import AnswerError, DeadlineError, NotSentError, UnreachableError

MOST_BYTES = 1024 * 1024
"""The longest message that is taken."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LONGEST_HEAD = 16 * 1024
_GOODBYE = timedelta(seconds=1)
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_LONGEST_CONTROL = 125  # bytes, as RFC 6455 has it
_OF_MESSAGES = frozenset({_CONTINUED, _TEXT, _BINARY})


T = TypeVar("T")


class _Frame(NamedTuple):
    is_last: bool
    opcode: int
    data: bytes


class WebSocket:
    """One connection. `opened` makes it, `aclose` ends it. Errors never hold the address: it is as good as a token."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: timedelta) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience.total_seconds()

    @classmethod
    async def opened(cls, url: str, *, tls: ssl.SSLContext, deadline: timedelta, patience: timedelta) -> "WebSocket":
        """Connect to a `wss` address, or a `ws` one of this machine. After `patience` without a word it asks for one.

        Raises NotSentError, DeadlineError, UnreachableError or AnswerError.
        """
        parts = _checked(url)
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                reader, writer = await _connected(parts, tls)
                try:
                    await _shake_hands(parts, reader, writer)
                except BaseException:
                    writer.transport.abort()
                    raise
        except TimeoutError as late:
            raise DeadlineError("the socket was not open in time") from late
        return cls(reader, writer, patience)

    async def text(self) -> str | None:
        """The next message; None once the other side has said goodbye.

        Raises DeadlineError after twice the patience without a word, UnreachableError when the connection broke, and
        AnswerError for what is no WebSocket.
        """
        gathered = b""
        while True:
            frame = await self._heard()
            if frame.opcode == _CLOSE:
                return None
            if frame.opcode == _PING:
                await self._write(_PONG, frame.data)
            elif frame.opcode in _OF_MESSAGES:
                gathered += frame.data
                if len(gathered) > MOST_BYTES:
                    raise AnswerError(f"the socket's message is longer than {MOST_BYTES} bytes")
                if frame.is_last:
                    return gathered.decode("utf-8", "replace")

    async def send(self, text: str) -> None:
        """Send a short message. Raises UnreachableError or DeadlineError."""
        await self._write(_TEXT, text.encode())

    async def aclose(self) -> None:
        """Say goodbye, and do not wait for an answer."""
        with suppress(UnreachableError, TimeoutError):
            async with asyncio.timeout(_GOODBYE.total_seconds()):
                await self._write(_CLOSE, struct.pack("!H", 1000))
        self._writer.transport.abort()

    async def _heard(self) -> _Frame:
        """The next frame; a ping asks for one where none comes."""
        try:
            async with asyncio.timeout(self._patience):
                first = await self._reader.read(1)
        except TimeoutError:
            await self._write(_PING, b"")
            first = await self._within(self._reader.read(1))
        except OSError as problem:
            raise _broken(problem) from problem
        return await self._within(self._frame(first))

    async def _frame(self, first: bytes) -> _Frame:
        if not first:
            raise UnreachableError("the socket was ended without a goodbye")
        second = (await self._reader.readexactly(1))[0]
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await self._reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", await self._reader.readexactly(8))[0]
        is_too_long = size > (_LONGEST_CONTROL if first[0] & 0x08 else MOST_BYTES)
        if is_too_long or second & 0x80 or first[0] & 0x70:
            raise AnswerError("the socket sent a frame that is too long, masked, or of an unknown kind")
        return _Frame(bool(first[0] & 0x80), first[0] & 0x0F, await self._reader.readexactly(size))

    async def _within(self, read: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await read
        except TimeoutError as late:
            raise DeadlineError("the socket is silent") from late
        except asyncio.IncompleteReadError as problem:
            raise UnreachableError("the socket was ended in the middle of a message") from problem
        except OSError as problem:
            raise _broken(problem) from problem

    async def _write(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = struct.pack("!BB", 0x80 | opcode, 0x80 | len(data)) if len(data) < 126 else None
        head = size or struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, len(data))
        self._writer.write(head + mask + bytes(byte ^ key for byte, key in zip(data, itertools.cycle(mask))))
        try:
            async with asyncio.timeout(self._patience):
                await self._writer.drain()
        except TimeoutError as late:
            raise DeadlineError("the socket takes nothing any more") from late
        except OSError as problem:
            raise _broken(problem) from problem


def _checked(url: str) -> SplitResult:
    wrong = AnswerError("the socket's address is not one that begins with wss://")
    try:
        parts = urlsplit(url)
        is_own = parts.scheme == "ws" and parts.hostname in _LOOPBACK
        is_good = bool(parts.hostname) and parts.port != 0 and (parts.scheme == "wss" or is_own)
    except ValueError:  # its words may hold the address
        raise wrong from None
    if not is_good or not url.isascii() or not url.isprintable():
        raise wrong
    return parts


async def _connected(parts: SplitResult, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    is_safe = parts.scheme == "wss"
    port = parts.port or (443 if is_safe else 80)
    try:
        return await asyncio.open_connection(parts.hostname, port, ssl=tls if is_safe else None, limit=_LONGEST_HEAD)
    except OSError as problem:
        raise NotSentError(
            f"no connection to {parts.hostname}: {problem.strerror or type(problem).__name__}"
        ) from problem


async def _shake_hands(parts: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    key = base64.b64encode(os.urandom(16))
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
    )
    writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as problem:
        raise AnswerError("the socket's answer is too long") from problem
    except (OSError, asyncio.IncompleteReadError) as problem:
        raise UnreachableError("the socket was ended before it was open") from problem
    _check_welcome(head, key)


def _check_welcome(head: bytes, key: bytes) -> None:
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    wanted = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - what RFC 6455 asks for: no secret
    code = status.split(" ")[1:2]
    if code != ["101"] or not hmac.compare_digest(headers.get("sec-websocket-accept", "").encode(), wanted):
        raise AnswerError(f"the other side opens no socket: it answered {' '.join(code)[:3]}")


def _broken(problem: OSError) -> UnreachableError:
    return UnreachableError(f"the socket broke: {problem.strerror or type(problem).__name__}")
