"""Serves an ASGI app on bounded connections, and past it the small POSTs that a door of their own takes whole.

The way through an ASGI server costs a webhook several times what decoding it does: a task, an event, a scope, messages.
Whatever does not arrive in one piece goes the ordinary way, where waiting has its deadlines.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from aetherlink.ports import Answer, Post, PostDoor
from aetherlink.web.connections import BoundedConnection, ConnectionBounds

_FAILED = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, ((b"content-type", b"text/plain"),), b"Internal Server Error")


class Connection(BoundedConnection):
    """One connection; a POST for the door is collected, and goes to the app after all when it does not come at once."""

    def __init__(self, *args: Any, door: PostDoor | None, **named: Any) -> None:
        super().__init__(*args, **named)
        self._door = door
        self._paths = {} if door is None else {path.encode(): path for path in door.paths}
        self._head: Sequence[tuple[bytes, bytes]] = ()
        self._pieces: list[bytes] | None = None
        self._is_at_the_door = False
        self._is_last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in BoundedConnection
        """A new connection."""
        super().connection_made(transport)
        self._plain = transport

    def data_received(self, data: bytes) -> None:
        """Parse it."""
        super().data_received(data)
        pieces, self._pieces = self._pieces, None
        if pieces is not None and not self.transport.is_closing():
            super(BoundedConnection, self).on_headers_complete()
            for piece in pieces:
                super().on_body(piece)

    def on_headers_complete(self) -> None:
        """A request begins."""
        if self._is_for_the_door():
            self._begin_request()
            self._head, self._pieces = tuple(self.headers), []  # what follows a body is no head
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        if self._pieces is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """A request has arrived."""
        if self._pieces is None or self._door is None:
            super().on_message_complete()
            return
        pieces, self._pieces = self._pieces, None
        self._end_request()
        self._is_at_the_door = True
        self._is_last = not self.parser.should_keep_alive()
        post = Post(self._paths[self.url], self._head, self.client)
        task = self.loop.create_task(self._answer(self._door, post, b"".join(pieces)))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def shutdown(self) -> None:
        """No request after this one."""
        if self._is_at_the_door:
            self._is_last = True
        else:
            super().shutdown()

    def _is_for_the_door(self) -> bool:
        is_plain = not self.expect_100_continue and self.parser.get_http_version() == "1.1"
        return self.url in self._paths and is_plain and self.parser.get_method() == b"POST"

    async def _answer(self, door: PostDoor, post: Post, body: bytes) -> None:
        try:
            answer = await self._asked(door, post, body)
            if self.flow.write_paused:  # who does not read his answers gets no more of them
                await self.flow.drain()
        except asyncio.CancelledError:
            self.transport.abort()  # nobody will answer; the sender hears of that at once, and comes again
            raise
        self._is_at_the_door = False
        if self.transport.is_closing():
            return
        self._plain.write(self._written(answer))
        if self._is_last:
            self.transport.close()
        self.on_response_complete()

    async def _asked(self, door: PostDoor, post: Post, body: bytes) -> Answer:
        try:
            return await door.answer(post, body)
        except Exception:  # the named boundary of a request: a bug is an answer, as in uvicorn
            self.logger.exception("the door has failed")
            return _FAILED

    def _written(self, answer: Answer) -> bytes:
        headers = [*self.server_state.default_headers, *answer.headers]
        lines = [STATUS_LINE[answer.status], *(b"%b: %b\r\n" % header for header in headers)]
        last = b"connection: close\r\n" if self._is_last else b""
        return b"".join([*lines, b"content-length: %d\r\n" % len(answer.body), last, b"\r\n", answer.body])


class BoundedServer(uvicorn.Server):
    """uvicorn with such connections, and without signal handlers: the app has its own. `door` takes its POSTs whole.

    `ending` is called when no request is taken any more: answers without an end have to end then.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        grace: timedelta,
        door: PostDoor | None = None,
        bounds: ConnectionBounds | None = None,
        ending: Callable[[], None] = lambda: None,
    ) -> None:
        self._ending = ending
        self._bounds = bounds or ConnectionBounds()
        connection = partial(Connection, bounds=self._bounds, door=door)
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,  # type: ignore[arg-type]  # as good as a class
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # who calls is who connects: a header that says otherwise is not believed
                timeout_graceful_shutdown=round(grace.total_seconds()),
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and wait for what runs."""
        self._ending()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        self._bounds.sweep()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise the signal again after its end, before the agent has closed its rooms."""
        yield
