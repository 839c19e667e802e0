"""The cookie of a session, where it belongs and when it goes; and the paths that one is led to after signing in."""

from datetime import timedelta

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from aetherlink.access.public_place import PublicPlace
from aetherlink.console.writing import HEADERS
from aetherlink.web.services import ApiServices

LONGEST_NEXT = 500  # characters


def own_path(wish: str) -> str:
    """The path where it is one of ours, else the first page: no address elsewhere is led to."""
    is_plain = len(wish) <= LONGEST_NEXT and wish.isprintable() and "\\" not in wish
    return wish if is_plain and wish.startswith("/") and not wish.startswith("//") else "/"


def leading_to(path: str) -> Response:
    """A browser is led there, asking with GET."""
    return RedirectResponse(path, 303, headers=dict(HEADERS))


async def end_session(services: ApiServices, request: Request) -> None:
    """That of the browser that asks is over, where it has one. Raises StoreError."""
    secret = services.gate.session_secret(request.headers.raw)
    if secret is not None:
        await services.sign_in.sessions.end(secret)


def set_cookie(answer: Response, place: PublicPlace, secret: str, life: timedelta) -> None:
    """The browser is to keep it for so long."""
    answer.set_cookie(
        place.cookie_name,
        secret,
        max_age=round(life.total_seconds()),
        path=place.cookie_path,
        secure=place.is_secure,
        httponly=True,
        samesite="strict",
    )


def drop_cookie(answer: Response, place: PublicPlace) -> None:
    """The browser is to forget it."""
    answer.delete_cookie(
        place.cookie_name, path=place.cookie_path, secure=place.is_secure, httponly=True, samesite="strict"
    )
