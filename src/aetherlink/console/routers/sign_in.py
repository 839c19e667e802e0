"""GET /login and POST /login, POST /logout: how a browser gets a session, and how it ends one.

Looking at the page changes nothing, for mail and chat programs look at links: the code of one stands behind its `#`,
which no browser sends, and a script of the page posts it. Without a script one pastes it, or a token.
"""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from aetherlink.access.public_place import PublicPlace
from aetherlink.access.sign_in import SignIn
from aetherlink.console.refusals import page_route
from aetherlink.console.writing import HEADERS, page
from aetherlink.errors import AetherError, BadRequestError, ForbiddenError, ThrottledError, UnauthenticatedError
from aetherlink.web import problems
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices

_LONGEST_NEXT = 500  # characters
_Next = Annotated[str, Query(max_length=_LONGEST_NEXT)]
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
        address = request.client.host if request.client else ""
        try:
            secret = await sign_in.with_code(form.get("code", "").strip(), address=address)
        except (UnauthenticatedError, ForbiddenError, ThrottledError) as refusal:
            return await _page(services, form.get("next", "/"), refusal=refusal)
        await _end(services, request)  # of two sessions in one browser only the new one is to be left
        answer = _leading_to(sign_in.place.base_path + _own_path(form.get("next", "/")))
        _set_cookie(answer, sign_in, secret)
        return answer

    @routes.post("/logout", include_in_schema=False, dependencies=_OPEN)
    async def leave(request: Request) -> Response:
        services.gate.check_own_page(request.headers.raw)
        await _end(services, request)
        answer = _leading_to(f"{sign_in.place.base_path}/login")
        _drop_cookie(answer, sign_in.place)
        return answer

    return routes


async def _page(services: ApiServices, wish: str, *, refusal: AetherError | None = None) -> Response:
    status, words = (200, "") if refusal is None else problems.told(refusal, instance="/login")
    headers = {} if refusal is None else problems.headers_of(refusal)
    return await page(
        services,
        "sign_in.html",
        caller=None,
        status=status or 500,
        headers=headers,
        next=_own_path(wish),
        words=words,
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


def _own_path(wish: str) -> str:
    """The path where it is one of ours, else the first page: no address elsewhere is led to."""
    is_plain = len(wish) <= _LONGEST_NEXT and wish.isprintable() and "\\" not in wish
    return wish if is_plain and wish.startswith("/") and not wish.startswith("//") else "/"


async def _end(services: ApiServices, request: Request) -> None:
    secret = services.gate.session_secret(request.headers.raw)
    if secret is not None:
        await services.sign_in.sessions.end(secret)


def _leading_to(path: str) -> Response:
    return RedirectResponse(path, 303, headers=dict(HEADERS))


def _set_cookie(answer: Response, sign_in: SignIn, secret: str) -> None:
    place = sign_in.place
    answer.set_cookie(
        place.cookie_name,
        secret,
        max_age=round(sign_in.sessions.lifetime.total_seconds()),
        path=place.cookie_path,
        secure=place.is_secure,
        httponly=True,
        samesite="strict",
    )


def _drop_cookie(answer: Response, place: PublicPlace) -> None:
    answer.delete_cookie(
        place.cookie_name, path=place.cookie_path, secure=place.is_secure, httponly=True, samesite="strict"
    )
