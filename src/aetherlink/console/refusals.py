"""Errors as pages: what is wrong and what to do, where the API would answer with a problem in JSON."""

import http
from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from aetherlink.console.writing import address, page
from aetherlink.errors import AetherError
from aetherlink.web import problems
from aetherlink.web.guard import GuardedRoute
from aetherlink.web.paging import id_with
from aetherlink.web.services import ApiServices

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="aetherlink"'},
    503: {"Retry-After": "5"},
}

_INCIDENT, _ACTION = id_with("inc"), id_with("act")
# A browser keeps the session's cookie back where another's page leads here, and sends it where ours does.
_ELSEWHERE = frozenset({"cross-site", "same-site"})


def page_route(services: ApiServices) -> type[GuardedRoute]:
    """The kind of route whose errors are pages."""

    class PageRoute(GuardedRoute):
        """A guarded route that answers our own errors with a page."""

        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # as GuardedRoute
            handle = super().get_route_handler()

            async def paged(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError:
                    return await _refusal(
                        services, request, 400, "this address has a part that no page of the agent leads to"
                    )
                except AetherError as error:
                    status, words = problems.told(error, instance=request.url.path)
                    if status is None:
                        raise
                    return await _refusal(services, request, status, words, problems.headers_of(error))

            return paged

    return PageRoute


async def _refusal(
    services: ApiServices, request: Request, status: int, words: str, more: Mapping[str, str] | None = None
) -> Response:
    return await page(
        services,
        "refusal.html",
        caller=None,
        status=status,
        headers={**_HEADERS.get(status, {}), **(more or {})},
        code=status,
        title=http.HTTPStatus(status).phrase,
        words=words,
        back=_back(request),
        login=address("/login", next=_wish(request)),
        is_from_elsewhere=status == 401 and request.headers.get("sec-fetch-site") in _ELSEWHERE,
    )


def _back(request: Request) -> str:
    """Where whoever wanted to change something came from, as far as the address tells; empty: nowhere."""
    if request.method in ("GET", "HEAD"):
        return ""
    match _own_path(request).split("/"):
        case ["", "incidents", incident_id, _] if _INCIDENT.fullmatch(incident_id):
            return f"/incidents/{incident_id}"
        case ["", "actions", action_id, _] if _ACTION.fullmatch(action_id):
            return f"/actions/{action_id}/approve"
    return ""


def _wish(request: Request) -> str:
    """Where to come back to: a page that was looked at."""
    if request.method not in {"GET", "HEAD"}:
        return "/"
    path = _own_path(request)
    return f"{path}?{request.url.query}" if request.url.query else path


def _own_path(request: Request) -> str:
    """The path without what stands before all paths of the agent."""
    return request.url.path.removeprefix(str(request.scope.get("root_path", "")))
