"""The API's side of the gate: which scope a route needs, checked before its body is even read.

Every route says what it needs, or says that it is open; a route that says neither cannot be built.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

from aetherlink.access.gate import Gate
from aetherlink.errors import ForbiddenError, UnauthenticatedError
from aetherlink.model.principals import Principal, Scope

_log = logging.getLogger("aetherlink.api")
_READING = frozenset({"GET", "HEAD"})
_LONGEST_PATH = 200  # characters, in the log


class Needs(SecurityBase):
    """A dependency that answers with the principal, or raises what the gate raises.

    Its arguments mean what they mean to `Gate.admit`.
    """

    def __init__(
        self,
        gate: Gate,
        scope: Scope | None,
        *,
        also_local: bool = False,
        tenants: bool = False,
        by_token: bool = False,
    ) -> None:
        self.model = HTTPBearer(description="A token of `aether token create`; the operator's is in data_dir.")
        self.scheme_name = "token"
        self.scope = scope
        self._gate = gate
        self.also_local = also_local
        self.tenants = tenants
        self.by_token = by_token

    def __call__(self, request: Request) -> Principal:
        """Who calls. Raises UnauthenticatedError or ForbiddenError."""
        try:
            return self._admitted(request)
        except (UnauthenticatedError, ForbiddenError) as refusal:
            if request.method not in _READING:  # who tried to change something is on record
                where = request.client.host if request.client else "a socket"
                _log.warning("%s %s from %s: %s", request.method, request.url.path[:_LONGEST_PATH], where, refusal)
            raise

    def _admitted(self, request: Request) -> Principal:
        return self._gate.admit(
            request.headers.raw,
            request.client,
            self.scope,
            also_local=self.also_local,
            tenants=self.tenants,
            method=request.method,
            by_token=self.by_token,
        )


def open_to_all() -> None:
    """A dependency that says: this route is open on purpose."""


class GuardedRoute(APIRoute):
    """Checks the caller first: FastAPI alone would read and judge the body of a stranger before it asks who it is."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # FastAPI says Coroutine, calls it as an awaitable
        """FastAPI's handler, behind the check."""
        handle = super().get_route_handler()
        calls = list(_calls(self.dependant))
        guards = [call for call in calls if isinstance(call, Needs)]
        if not guards and open_to_all not in calls:
            raise RuntimeError(f"{self.path} says neither what it needs nor that it is open")

        async def guarded(request: Request) -> Response:
            for guard in guards:
                guard(request)
            return await handle(request)

        return guarded


def guarded_router(*, prefix: str = "", tag: str, route_class: type[GuardedRoute] = GuardedRoute) -> APIRouter:
    """A router whose routes are all guarded."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=route_class)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
