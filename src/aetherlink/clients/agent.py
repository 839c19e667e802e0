"""Asks a running agent over its own HTTP API. Called by the command line; it knows errors, not what to print."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import msgspec

from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import (
    AetherError,
    AnswerError,
    ConflictError,
    ForbiddenError,
    GoneError,
    RejectedError,
    SettingsError,
    UnauthenticatedError,
    UnreachableError,
)

_SILENCE = timedelta(seconds=40)  # of a stream that says every 15 seconds that it is there
_LONGEST_STREAM = timedelta(hours=12)
_MOST_OF_A_REFUSAL = 64 * 1024

_REFUSALS: Mapping[int, type[AetherError]] = {
    **dict.fromkeys((400, 404, 422), SettingsError),
    401: UnauthenticatedError,
    403: ForbiddenError,
    409: ConflictError,
    410: GoneError,
    **dict.fromkeys((502, 503, 504), UnreachableError),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its text, and its JSON as an object (empty when it is none)."""

    status: int
    text: str
    data: Mapping[str, Any]

    @property
    def detail(self) -> str:
        """What a problem says, or how the answer begins."""
        return str(self.data.get("detail") or " ".join(self.text.split())[:200] or "no more was said")


class AgentClient:
    """One agent by its URL; with a token, sent as a bearer token. An async context manager."""

    def __init__(self, url: str, options: ClientOptions, *, token: str | None = None) -> None:
        connection = Connection(with_bearer(token)) if token else None
        self._exchange = Exchange("the agent", url, options=options, connection=connection)

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return self._exchange.address

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.aclose()

    async def send(self, method: str, path: str, body: object = None) -> Reply:
        """Whatever it answers. Raises UnreachableError, or AnswerError when the answer is no answer at all."""
        content = None if body is None else msgspec.json.encode(body)
        answer = await self._exchange.ask(method, path, content=content)
        return Reply(answer.status, answer.body.decode("utf-8", "replace"), _object(answer.body))

    @asynccontextmanager
    async def follow(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """What it tells without an end, in pieces. They end with the stream, and after a silence of 40 seconds.

        Raises as `ask` does, between the pieces too.
        """
        async with self._exchange.follow(path, silence=_SILENCE, lasts=_LONGEST_STREAM) as (status, pieces):
            if status != 200:
                raise _refusal(await _reply(status, pieces))
            yield pieces

    async def ask(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        """The object that it answers with.

        Raises SettingsError for a request that it cannot use, UnauthenticatedError where it accepts no token or misses
        one, ForbiddenError where the token lacks the scope, ConflictError and GoneError where it is not so any more,
        RejectedError for any other refusal, UnreachableError when it (or what stands behind it) cannot be reached.
        """
        reply = await self.send(method, path, body)
        if reply.status < 300:
            if not reply.data:
                raise AnswerError(f"{path} at {self.address} answered with no JSON object: is this its address?")
            return reply.data
        raise _refusal(reply)


async def _reply(status: int, pieces: AsyncIterator[bytes]) -> Reply:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > _MOST_OF_A_REFUSAL:
            break
    return Reply(status, body.decode("utf-8", "replace"), _object(bytes(body)))


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except UNREADABLE_JSON:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _refusal(reply: Reply) -> Exception:
    kind = _REFUSALS.get(reply.status)
    if kind is not None:
        return kind(reply.detail)
    return RejectedError(f"refused with {reply.status}: {reply.detail}", status=reply.status)
