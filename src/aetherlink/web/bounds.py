"""Bounds on what a request may send: so many bytes of body, within so many seconds. A bare ASGI middleware."""

import asyncio
from datetime import timedelta

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aetherlink.web import problems

LARGEST_BODY = 1024 * 1024
LONGEST_BODY = timedelta(seconds=30)


class BodyBounds:
    """Answers 413 to a body of more bytes, and 408 to one that takes longer. The app must be FastAPI or Starlette."""

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY, longest: timedelta = LONGEST_BODY) -> None:
        self._app = app
        self._largest = largest
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self._largest:
            answer = problems.response(413, self._too_large, instance=scope["path"])
            await answer(scope, receive, send)
            return
        await self._app(scope, _Bounded(receive, self._largest, self._longest, self._too_large).receive, send)

    @property
    def _too_large(self) -> str:
        return f"the body may have {self._largest} bytes at most"


class _Bounded:
    """Counts one request's body. Its errors rise where the app reads the body, and become problems there."""

    def __init__(self, receive: Receive, largest: int, longest: timedelta, too_large: str) -> None:
        self._receive = receive
        self._left = largest
        self._too_large = too_large
        self._until = asyncio.get_running_loop().time() + longest.total_seconds()
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:  # what comes now is the disconnect, which may take as long as it likes
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the body took too long to arrive") from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, self._too_large)
        self._is_whole = not message.get("more_body", False)
        return message
