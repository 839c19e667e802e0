"""Answers in Prometheus' own shape, errors about a query too, so that its clients show our words as they show its own.

What is said before a query is looked at (no token, no such route, a body in an unknown form) stays a problem.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, Field

from aetherlink import errors
from aetherlink.api import prometheus_form
from aetherlink.api.prometheus_form import Form
from aetherlink.model.queries import PassedAnswer
from aetherlink.web import problems
from aetherlink.web.presence import GoneAwayError, while_there

_JSON = "application/json"
_KINDS: Mapping[int, str] = {
    400: "bad_data",
    403: "forbidden",
    422: "execution",
    502: "unavailable",
    503: "too_many_requests",
    504: "timeout",
}


class Data(BaseModel):
    """What a query gives."""

    resultType: Literal["matrix", "vector", "scalar", "string"] = Field(examples=["vector"])  # noqa: N815 - the name on the wire
    result: list[Any] = Field(
        description="As Prometheus gives it: each series with its labels and samples, [unix seconds, text]",
        examples=[[{"metric": {"job": "crm-api"}, "value": [1762113986, "1"]}]],
    )


class _Success(BaseModel):
    status: Literal["success"]
    warnings: list[str] | None = Field(default=None, description="What may be wrong with the answer.")
    infos: list[str] | None = Field(default=None, description="Remarks about the query.")


class QuerySuccess(_Success):
    """The answer to a query."""

    data: Data


class NamesSuccess(_Success):
    """A list of names."""

    data: list[str] = Field(examples=[["__name__", "instance", "job"]])


class SeriesSuccess(_Success):
    """A list of label sets."""

    data: list[dict[str, str]] = Field(examples=[[{"__name__": "up", "job": "crm-api"}]])


class PrometheusError(BaseModel):
    """Why there is no answer, in Prometheus' shape."""

    status: Literal["error"]
    errorType: str = Field(examples=["bad_data"])  # noqa: N815 - the name on the wire
    error: str = Field(examples=["the range has 86401 points a series; at most 11000 are allowed"])


async def answered(request: Request, work: Callable[[Form], Coroutine[Any, Any, PassedAnswer]]) -> Response:
    """What came of the work on the request's parameters; the work ends when the caller goes away."""
    try:
        form = await prometheus_form.read(request)
        return success(await while_there(request, work(form)))
    except GoneAwayError:
        return Response(status_code=503)  # nobody reads it
    except errors.AetherError as error:
        return _failure(request, error)


def success(answer: PassedAnswer) -> Response:
    """The answer as Prometheus wraps it."""
    remarks = {"warnings": answer.warnings, "infos": answer.infos}
    more = {name: said for name, said in remarks.items() if said}
    body = msgspec.json.encode({"status": "success", "data": msgspec.Raw(answer.data), **more})
    return Response(body, media_type=_JSON)


def _failure(request: Request, error: errors.AetherError) -> Response:
    if isinstance(error, errors.RejectedError) and error.status in problems.PASSED_ON:
        status, words, kind = error.status, str(error), error.kind
    else:
        found, words = problems.told(error, instance=request.url.path)
        if found is None:
            raise error
        status, kind = found, ""
    body = {"status": "error", "errorType": kind or _KINDS.get(status, "internal"), "error": words}
    return Response(msgspec.json.encode(body), status, headers=problems.headers_for(status), media_type=_JSON)


def described(statuses: Sequence[int] = (400, 403, 422, 502, 503, 504)) -> dict[int | str, dict[str, Any]]:
    """The errors for the description of a route."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"model": PrometheusError, "description": _WORDS[status], "content": {problems.MEDIA_TYPE: problem}}
        for status in statuses
    }


_WORDS: Mapping[int, str] = {
    400: "The query or a parameter cannot be used, or asks for too much.",
    403: "It is not for this caller: another tenant's, or a token without the scope.",
    422: "The query cannot be evaluated, or its answer is too large.",
    502: "Prometheus cannot be reached, or answers nonsense.",
    503: "Too many queries are on their way: try again.",
    504: "Prometheus took too long.",
}
