"""Asks an ASGI app within the process, and takes its whole answer: over no socket, by the same code as over one.

So the tools of /mcp go through the API's own routes with the caller's own token, and there is one authorization only.
"""

import asyncio
import logging
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp, Message

from aetherlink.errors import AnswerError, DeadlineError, TooLargeError

LARGEST_ANSWER = 1024 * 1024
_log = logging.getLogger("aetherlink.mcp")

RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Exchange:
    """One request of an app, and its answer. What is beyond `largest` bytes of it is dropped."""

    body: bytes
    largest: int = LARGEST_ANSWER
    status: int = 0
    headers: RawHeaders = ()
    is_cut: bool = False
    _taken: bytearray = field(default_factory=bytearray)
    _is_sent: bool = False

    @property
    def answer(self) -> bytes:
        """The body of the answer."""
        return bytes(self._taken)

    async def over(self, app: ASGIApp, scope: MutableMapping[str, Any]) -> "Exchange":
        """Have it served, and take the answer."""
        await app(scope, self._receive, self._send)
        return self

    async def _receive(self) -> Message:
        if self._is_sent:
            await asyncio.get_running_loop().create_future()  # nobody hangs up here: whoever asked is cancelled
        self._is_sent = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.is_cut = self.is_cut or len(self._taken) + len(message.get("body", b"")) > self.largest
            if not self.is_cut:
                self._taken += message.get("body", b"")


class InsideApi:
    """See mcp.translating.Api: the app's own API, asked with the Authorization header of a caller."""

    def __init__(
        self, app: ASGIApp, *, authorization: bytes, client: Sequence[object] | None, deadline: timedelta
    ) -> None:
        self._app = app
        self._authorization = authorization
        self._client = client
        self._deadline = deadline

    async def ask(
        self, method: str, path: str, params: Mapping[str, str], body: Mapping[str, object] | None
    ) -> tuple[int, object]:
        """The status and the JSON. Raises DeadlineError, TooLargeError, AnswerError."""
        exchange = Exchange(b"" if body is None else msgspec.json.encode(body))
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                await self._served(exchange, self._scope(method, path, params))
        except TimeoutError:
            raise DeadlineError(f"no answer within {self._deadline.total_seconds():g} s (mcp.deadline)") from None
        if exchange.is_cut:
            raise TooLargeError(f"the answer has more than {exchange.largest} bytes: ask for less")
        try:
            return exchange.status, msgspec.json.decode(exchange.answer)
        except msgspec.DecodeError:
            raise AnswerError(f"{path} answered with {exchange.status} and no JSON") from None

    async def _served(self, exchange: Exchange, scope: MutableMapping[str, Any]) -> None:
        try:
            await exchange.over(self._app, scope)
        except Exception:  # the named boundary of a request, as a server has it: the app has answered 500 already
            _log.exception("the API has failed at a question of an assistant")
            if not exchange.status:
                raise

    def _scope(self, method: str, path: str, params: Mapping[str, str]) -> MutableMapping[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(params).encode(),
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                (b"authorization", self._authorization),
                (b"content-type", b"application/json"),
            ],
            "client": self._client,
            "server": ("localhost", 80),
        }
