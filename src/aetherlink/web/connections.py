"""Connections with bounds: how many, how large a head, how long for it, who does not read.

uvicorn with httptools has none of these: a head without an end grows until memory is gone, and whoever never finishes
a head, or never reads an answer, keeps a connection for ever.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aetherlink.errors import BadRequestError

_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

_GO_ON = b"HTTP/1.1 100 "  # no answer yet
_CLOSE = b"connection: close\r\n"
_OF_A_BODY = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(slots=True)
class ConnectionBounds:
    """The bounds, and the connections on which somebody else is awaited."""

    most: int = 800  # below the 1024 descriptors that a process often has
    largest_head: int = 64 * 1024
    longest_head: timedelta = timedelta(seconds=10)
    longest_answer: timedelta = timedelta(seconds=30)  # nothing of it was read for so long
    most_ignored: int = 64 * 1024 * 1024  # bytes after an early answer: two of the largest webhooks
    monotonic: Callable[[], float] = time.monotonic
    _sending: "dict[BoundedConnection, float]" = field(default_factory=dict)  # a head or a body; the slowest first
    _unread: "dict[BoundedConnection, float]" = field(default_factory=dict)

    def opened(self, connection: "BoundedConnection", count: int) -> None:
        """A new one of so many. Beyond `most` the one goes that has been sending for longest, perhaps the new one."""
        self.sends(connection)
        if count > self.most:
            next(iter(self._sending)).end()

    def sends(self, connection: "BoundedConnection") -> None:
        """It may begin to send something now."""
        self._sending.pop(connection, None)
        self._sending[connection] = self.monotonic()

    def has_sent(self, connection: "BoundedConnection") -> None:
        """It has sent a whole request: now the agent is awaited."""
        self._sending.pop(connection, None)

    def is_unread(self, connection: "BoundedConnection") -> None:
        """Its answer is not taken as fast as it is given."""
        self._unread.setdefault(connection, self.monotonic())

    def is_read(self, connection: "BoundedConnection") -> None:
        """Its answer is taken again."""
        self._unread.pop(connection, None)

    def sweep(self) -> None:
        """End what is over its time. Bodies have deadlines where they are read."""
        now = self.monotonic()
        late_heads = [one for one in _older(self._sending, now - self.longest_head.total_seconds()) if one.is_in_head]
        for connection in (*late_heads, *_older(self._unread, now - self.longest_answer.total_seconds())):
            connection.end()


def _older(connections: "dict[BoundedConnection, float]", than: float) -> "Iterator[BoundedConnection]":
    """They stand in the order of their times."""
    for connection, since in connections.items():
        if since >= than:
            return
        yield connection


class WholeAnswers:
    """The transport, with the head of an answer held back for its body, which as a rule follows at once.

    Written one after the other they are two system calls, and the first one wakes the other side for nothing.
    `is_early` tells whether the request has not arrived whole yet: what follows it is not read any more, so the answer
    says that the connection ends with it.
    """

    def __init__(self, transport: asyncio.Transport, *, is_early: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_early = is_early
        self._loop = asyncio.get_running_loop()
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write it, now or when the loop comes round."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(b"HTTP/1.") and not data.startswith(_GO_ON):
            self._head = _closing(data) if self._is_early() else data
            self._loop.call_soon(self._write_head)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close it after all that was written."""
        self._write_head()
        self._transport.close()

    def _write_head(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():  # it may be gone by now, where uvloop would raise
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _closing(head: bytes) -> bytes:
    """The head, with the word that the connection ends; what is more than a head says so already."""
    return head[:-2] + _CLOSE + b"\r\n" if head.endswith(b"\r\n\r\n") and _CLOSE not in head else head


class BoundedConnection(HttpToolsProtocol):
    """One connection within the bounds."""

    def __init__(self, *args: Any, bounds: ConnectionBounds, **named: Any) -> None:
        super().__init__(*args, **named)
        self._bounds = bounds
        self._head_bytes = 0
        self._ignored_bytes = 0
        self._is_busy = False
        self._is_answered_early = False
        self.is_in_head = True

    def end(self) -> None:
        """Cut it off, whatever is still to be said."""
        self._forget()
        self._silence()
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """A new connection."""
        answers = WholeAnswers(transport, is_early=self._is_half_read)
        super().connection_made(cast("asyncio.Transport", answers))
        self._bounds.opened(self, len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse it, unless it is the rest of a body that was answered early."""
        if self._is_answered_early:
            self._ignore(data)
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if not self.is_in_head:
            self._head_bytes = 0
        elif self._head_bytes > self._bounds.largest_head and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """The last that is said here."""
        super().send_400_response(msg)
        self._silence()

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._begin_request()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request has arrived."""
        self._end_request()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is given: the next head is awaited, or the rest of the body."""
        super().on_response_complete()
        self._is_busy = False
        if not self.transport.is_closing():
            self._is_answered_early = self._is_half_read()
            self._bounds.sends(self)

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        self._bounds.is_unread(self)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._bounds.is_read(self)

    def _begin_request(self) -> None:
        """One at a time: nobody needs more, and those that wait would have no bound.

        The parser takes no body of a request that asks for another protocol: what comes in its place looks like a
        request.
        """
        if self._is_busy:
            raise BadRequestError("a request before the answer to the one before")  # uvicorn answers 400
        if self.parser.should_upgrade() and any(name in _OF_A_BODY for name, _ in self.headers):
            raise BadRequestError("a body, and the wish for another protocol")
        self._is_busy = True
        self.is_in_head = False

    def _end_request(self) -> None:
        """What comes next is a head."""
        self.is_in_head = True
        self._head_bytes = 0
        self._bounds.has_sent(self)

    def _is_half_read(self) -> bool:
        """Of the request that is served, if any."""
        if self.cycle is not None:
            return self.cycle.more_body
        return False

    def _ignore(self, data: bytes) -> None:
        """Let it go by, so that the sender comes to read the answer; uvicorn closes when it has been quiet enough."""
        self._ignored_bytes += len(data)
        if self._ignored_bytes > self._bounds.most_ignored:
            self.end()

    def _silence(self) -> None:
        """The app may still be at work: what it says now goes nowhere, where uvloop would raise."""
        if self.cycle is not None:
            self.cycle.disconnected = True

    def _forget(self) -> None:
        self._bounds.has_sent(self)
        self._bounds.is_read(self)
