"""The outermost layer of every request: counts it, times it, and logs what nobody foresaw.

`app` wraps the application in it. Labels come from the matched route's template, never from the path.
"""

import logging
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peakpro_crm.metrics import Metrics

_LOG = logging.getLogger("peakpro_crm.requests")
UNMATCHED: Final = "unmatched"
UNCOUNTED: Final = frozenset({"/livez", "/readyz", "/metrics"})


class RequestMeter:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, is_whole = 0, False

        async def watch(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)
            is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        self.in_flight += 1
        try:
            await self._app(scope, receive, watch)
        except Exception:  # the boundary of a request: one broken request must cost one answer, not the server
            _LOG.exception("unforeseen error in %s %s", scope["method"], scope["path"])
            if not is_whole:
                raise  # half an answer is out: only the server can still close the connection
        finally:
            self.in_flight -= 1
            if status:
                self._count(scope, status, seconds=time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, *, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or UNMATCHED
        if route not in UNCOUNTED:
            tenant = dict(scope["headers"]).get(b"x-tenant", b"").decode("latin-1")
            self._metrics.answered(route, scope["method"], status=status, tenant=tenant, seconds=seconds)
