"""GET /login and POST /login, POST /logout: how a browser gets a session, and how it ends one.

Looking at the page changes nothing, for mail and chat programs look at links: the code of one stands behind its `#`,
which no browser sends, and a script of the page posts it. Without a script one pastes it, or a token.
"""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response

from aetherlink.console.refusals import page_route
from aetherlink.console.session_cookie import LONGEST_NEXT, drop_cookie, end_session, leading_to, own_path, set_cookie
from aetherlink.console.writing import address, page
from aetherlink.errors import AetherError, BadRequestError, ForbiddenError, ThrottledError, UnauthenticatedError
from aetherlink.web import problems
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices

_Next = Annotated[str, Query(max_length=LONGEST_NEXT)]
_OPEN = [Depends(open_to_all)]
_LONGEST_FORM = 10_000  # bytes
_FORM = "application/x-www-form-urlencoded"


def router(services: ApiServices) -> APIRouter:
    """The page, and the two forms that lead on from it."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    sign_in = services.sign_in

    @routes.api_route("/login", methods=["GET", "HEAD"], include_in_schema=False, dependencies=_OPEN)
    async def look(next: _Next = "/") -> Response:  # noqa: A002 - the name that addresses have for it
        return await _page(services, next)

    @routes.post("/login", include_in_schema=False, dependencies=_OPEN)
    async def enter(request: Request) -> Response:
        services.gate.check_own_page(request.headers.raw)
        form = await _form(request)
        caller = request.client.host if request.client else ""
        try:
            secret = await sign_in.with_code(form.get("code", "").strip(), address=caller)
        except (UnauthenticatedError, ForbiddenError, ThrottledError) as refusal:
            return await _page(services, form.get("next", "/"), refusal=refusal)
        await end_session(services, request)  # of two sessions in one browser only the new one is to be left
        answer = leading_to(sign_in.place.base_path + own_path(form.get("next", "/")))
        set_cookie(answer, sign_in.place, secret, sign_in.sessions.lifetime)
        return answer

    @routes.post("/logout", include_in_schema=False, dependencies=_OPEN)
    async def leave(request: Request) -> Response:
        services.gate.check_own_page(request.headers.raw)
        await end_session(services, request)
        answer = leading_to(f"{sign_in.place.base_path}/login")
        drop_cookie(answer, sign_in.place)
        return answer

    return routes


async def _page(services: ApiServices, wish: str, *, refusal: AetherError | None = None) -> Response:
    status, words = (200, "") if refusal is None else problems.told(refusal, instance="/login")
    headers = {} if refusal is None else problems.headers_of(refusal)
    oidc = services.sign_in.oidc
    return await page(
        services,
        "sign_in.html",
        caller=None,
        status=status or 500,
        headers=headers,
        next=own_path(wish),
        words=words,
        button="" if oidc is None else oidc.button,
        provider=address("/login/oidc", next=own_path(wish)),
    )


async def _form(request: Request) -> dict[str, str]:
    """What the form holds; of what is said twice the first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != _FORM:
        return {}
    if len(body) > _LONGEST_FORM:
        raise BadRequestError("this form is longer than any that the page sends")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
