"""Tells the app which part of a path is not its own, where a proxy serves more than us. A bare ASGI middleware."""

from starlette.types import ASGIApp, Receive, Scope, Send


class BasePath:
    """Paths may begin with it or not: a proxy takes it away, or leaves it. The app must be FastAPI or Starlette."""

    def __init__(self, app: ASGIApp, *, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._app({**scope, "root_path": self._path} if scope["type"] == "http" else scope, receive, send)
