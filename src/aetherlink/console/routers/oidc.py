"""GET /login/oidc and its callback: a browser is led to the identity provider, and comes back with an answer.

Only our own pages lead away: a foreign one leads to the page for signing in. The browser that left is known by a cookie
that is sent along when another's page leads here (SameSite=Lax), which the session's is not: so the page that one comes
back to leads on by itself, and the session that the browser has is noted on the way out.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from aetherlink.access.oidc import Brought, Entered, Leaving, OidcDoor, Stranger
from aetherlink.access.oidc_attempts import LIFE
from aetherlink.access.public_place import ATTEMPT_PATH, PublicPlace
from aetherlink.console.refusals import page_route
from aetherlink.console.session_cookie import LONGEST_NEXT, end_session, leading_to, own_path, set_cookie
from aetherlink.console.writing import address, page
from aetherlink.errors import AetherError, BadRequestError, NotFoundError
from aetherlink.web import problems
from aetherlink.web.guard import guarded_router, open_to_all
from aetherlink.web.services import ApiServices

_Next = Annotated[str, Query(max_length=LONGEST_NEXT)]
_OPEN = [Depends(open_to_all)]
_LONGEST_ANSWER = 8000  # characters
_FOREIGN = frozenset({"cross-site", "same-site"})
_NO_TRACE = {"Referrer-Policy": "no-referrer"}  # the address of the page holds the provider's code


def router(services: ApiServices) -> APIRouter:
    """The way out, and the way back."""
    routes = guarded_router(tag="pages", route_class=page_route(services))
    sign_in = services.sign_in

    @routes.get("/login/oidc", include_in_schema=False, dependencies=_OPEN)
    async def leave(request: Request, next: _Next = "/") -> Response:  # noqa: A002 - the name that addresses have for it
        door, place, wish = _door(services), sign_in.place, own_path(next)
        if request.headers.get("sec-fetch-site") in _FOREIGN:
            return leading_to(place.base_path + address("/login", next=wish))
        leaving = Leaving(_peer(request), _cookie(request, place), services.gate.session_secret(request.headers.raw))
        try:
            away, secret = await door.begin(wish, leaving)
        except AetherError as refusal:
            return await _refused(services, refusal, wish)
        answer = leading_to(away)
        _set_attempt(answer, place, secret)
        return answer

    @routes.get("/login/oidc/callback", include_in_schema=False, dependencies=_OPEN)
    async def come_back(request: Request) -> Response:
        door, cookie = _door(services), _cookie(request, sign_in.place)
        if request.headers.get("sec-fetch-dest", "document") != "document":
            raise BadRequestError("this address is for the identity provider to lead a browser to")
        brought = Brought(_peer(request), cookie, _said(request))
        wish = door.wish_of(brought)
        try:
            found = await door.finish(brought)
        except AetherError as refusal:
            answer = await _refused(services, refusal, wish)
        else:
            answer = await _came(services, request, found)
        if cookie is not None and not door.waits_for(cookie):
            _drop_attempt(answer, sign_in.place)
        return answer

    return routes


async def _came(services: ApiServices, request: Request, found: Entered | Stranger) -> Response:
    if isinstance(found, Stranger):
        return await page(
            services,
            "stranger.html",
            caller=None,
            status=403,
            headers=_NO_TRACE,
            name=found.person.name,
            groups=found.person.shown_groups,
            more=len(found.person.groups) - len(found.person.shown_groups),
            claim=found.claim,
            next=found.wish,
        )
    await end_session(services, request)
    place = services.sign_in.place
    answer = await page(
        services,
        "signed_in.html",
        caller=None,
        headers=_NO_TRACE,
        name=found.person.name,
        role=found.person.role,
        until=found.session.expires_at,
        onward=found.wish,
    )
    set_cookie(answer, place, found.secret, found.session.expires_at - found.session.created_at)
    return answer


async def _refused(services: ApiServices, refusal: AetherError, wish: str) -> Response:
    status, words = problems.told(refusal, instance="/login/oidc")
    if status is None:
        raise refusal
    headers = {**_NO_TRACE, **problems.headers_for(status), **problems.headers_of(refusal)}
    return await page(
        services, "not_signed_in.html", caller=None, status=status, headers=headers, words=words, next=wish
    )


def _door(services: ApiServices) -> OidcDoor:
    door = services.sign_in.oidc
    if door is None:
        raise NotFoundError("no identity provider is set up here (auth.oidc)")
    return door


def _said(request: Request) -> Mapping[str, str]:
    """What the provider has the browser say, each thing once."""
    pairs = request.query_params.multi_items()
    if len(request.url.query) > _LONGEST_ANSWER or len({name for name, _ in pairs}) < len(pairs):
        raise BadRequestError("no identity provider answers like this")
    return dict(pairs)


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _cookie(request: Request, place: PublicPlace) -> str | None:
    return request.cookies.get(place.attempt_cookie_name)


def _set_attempt(answer: Response, place: PublicPlace, secret: str) -> None:
    answer.set_cookie(
        place.attempt_cookie_name,
        secret,
        max_age=round(LIFE.total_seconds()),
        path=ATTEMPT_PATH,
        secure=place.is_secure,
        httponly=True,
        samesite="lax",
    )


def _drop_attempt(answer: Response, place: PublicPlace) -> None:
    answer.delete_cookie(
        place.attempt_cookie_name, path=ATTEMPT_PATH, secure=place.is_secure, httponly=True, samesite="lax"
    )
