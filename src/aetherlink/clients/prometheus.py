"""Asks PromQL of one Prometheus, or of anything that speaks its HTTP API. Implements the QueryClient port.

Called by the API, the probes and the health loop. Reads only; knows nothing of what an answer is evidence for.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, TypedDict, TypeVar
from urllib.parse import urlencode

import msgspec

from aetherlink.clients import prometheus_passage as passage
from aetherlink.clients.connection import Connection
from aetherlink.clients.exchange import UNREADABLE_JSON, Answer, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, DeadlineError, RejectedError, UnreachableError
from aetherlink.model.queries import PassedAnswer, QueryAnswer, Question, finite_number

_QUERY_PATH = "/api/v1/query"
_FORM = "application/x-www-form-urlencoded"
_LONGEST_REASON = 2000
_REMARK = "PromQL info"  # some versions put remarks about the query among the warnings about the answer

# A point is [unix seconds, "number"]; both stay as they came, so that the result can be passed on unchanged.
_Point = Annotated[list[int | float | str], msgspec.Meta(min_length=2, max_length=2)]


class _Sample(TypedDict, total=False):
    metric: dict[str, str]
    value: _Point
    histogram: list[object]


class _Series(TypedDict, total=False):
    metric: dict[str, str]
    values: list[_Point]
    histograms: list[object]


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - the name on the wire
    result: msgspec.Raw


class _Envelope(msgspec.Struct):
    status: str
    data: _Data | None = None
    errorType: str = ""  # noqa: N815 - the name on the wire
    error: str = ""
    warnings: list[str] = []


_AnyEnvelope = TypeVar("_AnyEnvelope", _Envelope, passage.Envelope)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_RESULTS: Mapping[str, msgspec.json.Decoder[list[object]]] = {
    "vector": msgspec.json.Decoder(list[_Sample]),
    "matrix": msgspec.json.Decoder(list[_Series]),
    "scalar": msgspec.json.Decoder(_Point),
    "string": msgspec.json.Decoder(_Point),
}


class PrometheusClient:
    """One Prometheus by its URL."""

    def __init__(self, url: str, options: ClientOptions, connection: Connection | None = None) -> None:
        self._exchange = Exchange("Prometheus", url, options=options, connection=connection)
        self._timeout = f"{options.deadline.total_seconds():.3f}"

    @property
    def address(self) -> str:
        """The URL without credentials."""
        return self._exchange.address

    async def instant(self, query: str, *, at: datetime | None = None) -> QueryAnswer:
        """Evaluate the query at that instant (the server's now when None).

        Raises RejectedError with Prometheus' own words, DeadlineError, UnreachableError or AnswerError.
        """
        form = {"query": query, "timeout": self._timeout}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        answer = await self._exchange.ask(
            "POST",
            _QUERY_PATH,
            content=urlencode(form).encode("ascii"),
            content_type=_FORM,
        )
        return self._read(answer)

    async def pass_on(self, question: Question, *, deadline: timedelta, most_bytes: int) -> PassedAnswer:
        """Put somebody's question to it, and hand back what it says.

        Raises RejectedError with Prometheus' words and nothing else, TooLargeError, or as `instant` does.
        """
        method, path, form = passage.request_of(question)
        answer = await self._exchange.ask(
            method, path, content=form, content_type=_FORM, deadline=deadline, max_bytes=most_bytes
        )
        envelope = self._unwrapped(answer, passage.ENVELOPE)
        if envelope.status == "error":
            raise passage.refusal(answer.status, envelope)
        if not answer.is_success or envelope.status != "success":
            raise self._nonsense(answer, "it is not the answer to a query")
        try:
            return passage.passed(question, envelope)
        except UNREADABLE_JSON as error:
            raise self._nonsense(answer, f"its data do not answer {question.kind}: {error}") from error

    async def ready(self) -> None:
        """Returns when Prometheus says that it is ready; raises UnreachableError or AnswerError when it is not."""
        answer = await self._exchange.ask("GET", "/-/ready")
        if not answer.is_success:
            raise UnreachableError(
                f"Prometheus at {self.address} is not ready: {answer.status} {answer.excerpt()}".rstrip()
            )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    def _read(self, answer: Answer) -> QueryAnswer:
        envelope = self._unwrapped(answer, _ENVELOPE)
        if envelope.status == "error":
            raise self._refusal(answer.status, envelope)
        data = envelope.data
        if not answer.is_success or envelope.status != "success" or data is None or data.resultType not in _RESULTS:
            raise self._nonsense(answer, "it is not the answer to a query")
        try:
            result = _RESULTS[data.resultType].decode(data.result)
        except UNREADABLE_JSON as error:
            raise self._nonsense(answer, f"its result is not a {data.resultType}: {error}") from error
        warnings = tuple(each[:_LONGEST_REASON] for each in envelope.warnings if not each.startswith(_REMARK))
        return QueryAnswer(data.resultType, result, _first_number(data.resultType, result), warnings)

    def _unwrapped(self, answer: Answer, envelope: msgspec.json.Decoder[_AnyEnvelope]) -> _AnyEnvelope:
        try:
            return envelope.decode(answer.body)
        except UNREADABLE_JSON as error:
            match answer.status:
                case 401 | 403:
                    raise RejectedError(
                        f"Prometheus at {self.address} refused the credentials ({answer.status}): "
                        "set bearer_token_file, basic_auth or headers of this source",
                        status=answer.status,
                        kind="credentials",
                    ) from error
                case 502 | 503 | 504:
                    raise UnreachableError(
                        f"Prometheus at {self.address} cannot answer now: {answer.status} {answer.excerpt()}".rstrip()
                    ) from error
                case _:
                    raise self._nonsense(answer, "it is not Prometheus' JSON") from error

    def _refusal(self, status: int, envelope: _Envelope) -> AnswerError | UnreachableError:
        words = envelope.error[:_LONGEST_REASON] or "no reason given"
        if envelope.errorType == "timeout":
            return DeadlineError(f"{words} (Prometheus at {self.address} gave the query up after {self._timeout} s)")
        message = f"{words} (Prometheus at {self.address} refused the query: {envelope.errorType or status})"
        return RejectedError(message, status=status, kind=envelope.errorType)

    def _nonsense(self, answer: Answer, problem: str) -> AnswerError:
        kind = answer.content_type or "no content type"
        return AnswerError(
            f"POST {_QUERY_PATH} at {self.address} answered {answer.status}, {kind}: {problem}. "
            f"Is this the address of a Prometheus, its path prefix included? It began: {answer.excerpt()!r}"
        )


def _first_number(kind: str, result: list[object]) -> float | None:
    point: object = result if kind == "scalar" else None
    if kind == "vector" and result:
        sample = result[0]
        point = sample.get("value") if isinstance(sample, dict) else None
    if not isinstance(point, list) or not isinstance(point[1], str):
        return None
    return finite_number(point[1])
