"""GET /api/v1/stream: what happens, as Server-Sent Events."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from aetherlink.errors import ForbiddenError, OverloadedError, UnauthenticatedError
from aetherlink.model.principals import Scope
from aetherlink.web.feed import NOTHING, Event
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

MEDIA_TYPE = "text/event-stream"
_RETRY = b"retry: 2000\n\n"  # milliseconds until a browser comes back
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy that collects would hold everything back
_EXAMPLE = """retry: 2000

event: state
data: {"blind":[],"unready":[],"paused":[]}

id: 42
event: entry
data: {"number":42,"incident_id":"inc-06f3qk2c8d1v7m4t","kind":"decided","at":"2025-11-02T20:06:26+00:00",\
"text":"allow by mode_allows"}

: still here
"""
_LastNumber = Annotated[int | None, Query(ge=0, le=2**53, description="Go on behind this number.")]
_LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern="^[0-9]{1,15}$", description="The same, as browsers send it; it wins."),
]


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1", tag="stream")
    may_read = Needs(services.gate, Scope.READ)

    @routes.get(
        "/stream",
        summary="What happens, as it happens",
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
        dependencies=[Depends(may_read)],
    )
    async def stream(request: Request, after: _LastNumber = None, last_event_id: _LastEventId = None) -> Response:
        """Events: `entry`, of a timeline, its number as id; `health`, the scores; `state`, what holds back.

        Whoever comes back with the last id misses nothing. `reset`: too much was missed, so look at everything anew.
        503: too many listen.
        """
        if not services.feed.has_room:
            raise OverloadedError("too many listen to the stream: come again later")
        behind = int(last_event_id) if last_event_id is not None else after
        told = _written(services.feed.listen(behind), lambda: _is_let_in(may_read, request))
        return StreamingResponse(told, media_type=MEDIA_TYPE, headers=_HEADERS)

    return routes


def _is_let_in(guard: Needs, request: Request) -> bool:
    """Whether who was let in still would be: a token ends while its holder listens."""
    try:
        guard(request)
    except (UnauthenticatedError, ForbiddenError):
        return False
    return True


async def _written(events: AsyncGenerator[Event, None], is_let_in: Callable[[], bool]) -> AsyncIterator[bytes]:
    yield _RETRY
    async with aclosing(events) as each:
        async for event in each:
            if not is_let_in():
                return
            yield _line(event)


def _line(event: Event) -> bytes:
    if event.kind == NOTHING:
        return b": still here\n\n"
    number = b"" if event.number is None else b"id: %d\n" % event.number
    return b"%sevent: %s\ndata: %s\n\n" % (number, event.kind.encode(), msgspec.json.encode(event.facts))
