"""Every error as application/problem+json (RFC 9457): what is wrong in the caller's words, nothing of our insides.

The one table from our errors to HTTP; the app installs the handlers once. What is not ours is a 500 that says nothing.
"""

import http
import logging
from collections.abc import Mapping, Sequence

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from aetherlink import errors

MEDIA_TYPE = "application/problem+json"
_STATUSES: Sequence[tuple[type[errors.AetherError], int]] = (  # the first that fits
    (errors.BadRequestError, 400),
    (errors.UnauthenticatedError, 401),
    (errors.ForbiddenError, 403),
    (errors.NotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.GoneError, 410),
    (errors.ThrottledError, 429),
    (errors.OverloadedError, 503),
    (errors.StoreError, 503),
    (errors.DeadlineError, 504),
    (errors.UnreachableError, 502),
    (errors.TooLargeError, 422),
    (errors.AnswerError, 502),
    (errors.UndeliveredError, 502),
)
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="aetherlink"'},
    503: {"Retry-After": "1"},
}
PASSED_ON = frozenset({400, 422})  # a query that Prometheus refuses; its 401 or 404 would be about us, not the caller
_log = logging.getLogger("aetherlink.api")


class Flaw(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["body.ql"])
    what: str = Field(examples=["Input should be a valid string"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank")
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the request does not fit: body.ql: Input should be a valid string"])
    instance: str = Field(examples=["/query"])
    errors: list[Flaw] | None = Field(default=None, description="What is wrong, where the request does not fit.")


def response(
    status: int, detail: str, *, instance: str, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """The problem as an answer; `more` becomes further members."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        **more,
    }
    all_headers = {**headers_for(status), **(headers or {})}
    return Response(msgspec.json.encode(body), status, headers=all_headers, media_type=MEDIA_TYPE)


def headers_for(status: int) -> Mapping[str, str]:
    """What goes with the status in every form of an error."""
    return _HEADERS.get(status, {})


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.add_exception_handler(errors.AetherError, _ours)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    instance = request.url.path
    if isinstance(error, errors.RejectedError) and error.status in PASSED_ON:
        return response(error.status, str(error), instance=instance, error_type=error.kind)
    if isinstance(error, errors.RejectedError) and error.kind == "timeout":
        return response(504, str(error), instance=instance, error_type=error.kind)
    status, words = told(error, instance=instance)
    if status is None:
        return await _unexpected(request, error)
    return response(status, words, instance=instance, headers=headers_of(error))


def headers_of(error: Exception) -> Mapping[str, str]:
    """What an error asks for beside its status."""
    return {"Retry-After": f"{error.wait.total_seconds():.0f}"} if isinstance(error, errors.ThrottledError) else {}


def told(error: Exception, *, instance: str) -> tuple[int | None, str]:
    """The status of an error and what callers are told of it, for JSON and for pages; no status: it is a bug."""
    if isinstance(error, errors.StoreError):
        _log.error("%s: the store cannot be used: %s", instance, error)
        return 503, str(errors.StoreError())  # its own words may name files
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), None), str(error)


async def _misfit(request: Request, error: Exception) -> Response:
    flaws = error.errors() if isinstance(error, RequestValidationError) else []
    instance = request.url.path
    if any(flaw["type"] == "json_invalid" for flaw in flaws):
        flaw = flaws[0]
        return response(400, f"the body is not JSON: {flaw['ctx']['error']} at {flaw['loc'][-1]}", instance=instance)
    if "body" in {flaw["loc"][0] for flaw in flaws} and not _is_json(request):
        return response(415, "send JSON, with `Content-Type: application/json`", instance=instance)
    told = [Flaw(where=".".join(map(str, flaw["loc"])), what=flaw["msg"]) for flaw in flaws]
    words = "; ".join(f"{flaw.where}: {flaw.what}" for flaw in told)
    return response(
        422, f"the request does not fit: {words}", instance=instance, errors=[flaw.model_dump() for flaw in told]
    )


async def _plain(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return await _unexpected(request, error)
    path = request.url.path
    match error.status_code:
        case 404:
            detail = f"there is nothing at {path}"
        case 405:
            detail = f"{request.method} is not for {path}"
        case _:
            detail = error.detail
    return response(error.status_code, detail, instance=path, headers=error.headers)


async def _unexpected(request: Request, _error: Exception) -> Response:
    return response(500, "the agent failed at this request; its log says why", instance=request.url.path)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
