"""Errors as pages: what is wrong and what to do, where the API would answer with a problem in JSON."""

import http
from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from aetherlink.console.writing import page
from aetherlink.errors import AetherError
from aetherlink.web import problems
from aetherlink.web.guard import GuardedRoute
from aetherlink.web.services import ApiServices

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Basic realm="aetherlink", charset="UTF-8"'},
    503: {"Retry-After": "5"},
}


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
                    return await _refusal(services, 400, "this address has a part that no page of the agent leads to")
                except AetherError as error:
                    status, words = problems.told(error, instance=request.url.path)
                    if status is None:
                        raise
                    return await _refusal(services, status, words)

            return paged

    return PageRoute


async def _refusal(services: ApiServices, status: int, words: str) -> Response:
    return await page(
        services,
        "refusal.html",
        caller=None,
        status=status,
        headers=_HEADERS.get(status),
        code=status,
        title=http.HTTPStatus(status).phrase,
        words=words,
    )
