"""Every error answer of the CRM: application/problem+json (RFC 9457), from one table.

`app` installs the handlers. No caller's text is echoed unescaped.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from peakpro_crm import errors

MEDIA_TYPE: Final = "application/problem+json"
_MOST_COMPLAINTS: Final = 20  # a body can be wrong in thousands of places; the first few tell the sender enough
_LONGEST_NAME: Final = 100

STATUS: Final[Mapping[type[errors.CrmError], int]] = {
    errors.UnknownTenantError: 403,
    errors.LeadNotFoundError: 404,
    errors.CustomerNotFoundError: 404,
    errors.UnknownFaultError: 404,
    errors.ForbiddenMoveError: 409,
    errors.KeyReusedError: 422,
    errors.CursorError: 422,
    errors.FaultRefusedError: 422,
    errors.InjectedError: 500,
    errors.DatabaseAwayError: 503,
    errors.PoolExhaustedError: 503,
    errors.OverloadedError: 503,
}


class Complaint(BaseModel):
    """One thing that is wrong in a request."""

    where: str
    what: str


class Problem(BaseModel):
    """An error answer; 409 adds `allowed`, 422 adds `errors`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    allowed: list[str] | None = None
    errors: list[Complaint] | None = None


def answer(
    path: str,
    status: int,
    *,
    detail: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error answer for a request path; `more` adds members beside those of the RFC."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        **(more or {}),
    }
    # ASCII with escapes: a lone surrogate in a caller's text cannot break the encoding of the answer.
    return Response(json.dumps(body), status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Answer every foreseen error of an application as a problem."""
    app.add_exception_handler(errors.CrmError, _on_crm_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_anything_else)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of these error answers."""
    return {status: {"description": HTTPStatus(status).phrase, "content": _example(status)} for status in statuses}


def _example(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": "what is wrong, where, and what to do",
        "instance": "/api/leads",
    }
    return {MEDIA_TYPE: {"schema": Problem.model_json_schema(), "example": example}}


async def _on_crm_error(request: Request, error: Exception) -> Response:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    more = {"allowed": list(error.allowed)} if isinstance(error, errors.ForbiddenMoveError) else None
    headers = {"Retry-After": "1"} if status == 503 else None
    return answer(request.url.path, status, detail=str(error), more=more, headers=headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # the registration above promises it; mypy and readers cannot see that
        raise error
    details = {404: "there is nothing at this path", 405: "this path does not take this method"}
    detail = details.get(error.status_code, str(error.detail))
    return answer(request.url.path, error.status_code, detail=detail, headers=error.headers)


async def _on_anything_else(request: Request, _error: Exception) -> Response:
    # The request meter logs it; the caller is told nothing of the inside.
    return answer(request.url.path, 500, detail="the CRM failed here; its log says why")


async def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):  # as above
        raise error
    complaints = [
        {"where": ".".join(str(part)[:_LONGEST_NAME] for part in item["loc"]), "what": str(item["msg"])}
        for item in error.errors()[:_MOST_COMPLAINTS]
    ]
    detail = "; ".join(f"{complaint['where']}: {complaint['what']}" for complaint in complaints)
    return answer(request.url.path, 422, detail=detail, more={"errors": complaints})
