"""Bounds what a request may send, known length or not.

`app` puts it around the application. The refusal is raised where the body is read, so that the route is known by then
and the answer is a problem like every other.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            if declared.isdecimal() and int(declared) > self._most:
                self._refuse()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                self._refuse()
            return message

        await self._app(scope, bounded, send)

    def _refuse(self) -> None:
        raise HTTPException(413, f"the body is larger than {self._most} bytes")
