"""The bounds on bodies, around a real Starlette app that reads them; the test plays the server's side of ASGI."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from aetherlink.web.bounds import BodyBounds


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def exchange(app: Starlette, chunks: Iterable[bytes], *, announced: bytes | None = None) -> list[Message]:
    """What is sent for a request whose chunks never say that they are the last; then nothing comes any more."""
    headers = [] if announced is None else [(b"content-length", announced)]
    scope = {"type": "http", "method": "POST", "path": "/query", "headers": headers, "query_string": b""}
    waiting = iter(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        for chunk in waiting:
            return {"type": "http.request", "body": chunk, "more_body": chunk != b"."}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def bounded() -> Starlette:
    """Eight bytes, within a tenth of a second, in front of the echo."""
    starlette = Starlette()
    starlette.router.default = echo
    starlette.add_middleware(BodyBounds, largest=8, longest=timedelta(seconds=0.1))
    return starlette


@pytest.mark.parametrize(
    ("chunks", "announced", "status"),
    [
        ([b"1234", b"567", b"."], None, 200),
        ([b"1234", b"5678", b"."], None, 413),
        ([b"."], b"8", 200),
        ([], b"9", 413),
        ([], b"9" * 400, 413),
        ([b"."], b"-1", 200),
        ([b"1234"], None, 408),
        ([], None, 408),
    ],
    ids=[
        "eight bytes in pieces",
        "nine bytes in pieces",
        "eight announced",
        "nine announced",
        "a monstrous number announced",
        "nonsense announced, which the server judges",
        "half a body",
        "no body at all",
    ],
)
async def test_a_body_is_bounded_in_size_and_time(chunks: list[bytes], announced: bytes | None, status: int) -> None:
    sent = await exchange(bounded(), chunks, announced=announced)

    assert sent[0]["status"] == status
