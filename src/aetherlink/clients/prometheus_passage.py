"""How a question of somebody else is put to Prometheus, and what of its answer is read: its head, never its samples.

Called by the Prometheus client only. The samples are passed on as they came: to decode them would cost a lot of memory.
"""

from urllib.parse import quote, urlencode

import msgspec

from aetherlink.errors import DeadlineError, RejectedError
from aetherlink.model.queries import PassedAnswer, Question, QuestionKind

_LONGEST_REASON = 2000
_MOST_REMARKS = 20
_PATHS = {
    QuestionKind.QUERY: "/api/v1/query",
    QuestionKind.QUERY_RANGE: "/api/v1/query_range",
    QuestionKind.LABELS: "/api/v1/labels",
    QuestionKind.SERIES: "/api/v1/series",
}


class Envelope(msgspec.Struct):
    """What every answer of Prometheus' API is wrapped in."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"")
    errorType: str = ""  # noqa: N815 - the name on the wire
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


class _Result(msgspec.Struct):
    resultType: str  # noqa: N815 - the name on the wire
    result: list[msgspec.Raw]


ENVELOPE = msgspec.json.Decoder(Envelope)
_RESULT = msgspec.json.Decoder(_Result)
_NAMES = msgspec.json.Decoder(list[str])
_SERIES = msgspec.json.Decoder(list[dict[str, str]])


def request_of(question: Question) -> tuple[str, str, bytes | None]:
    """Method, path and form. The values of a label are the one thing that Prometheus gives to GET only."""
    form = urlencode(question.form)
    if question.kind is QuestionKind.LABEL_VALUES:
        path = f"/api/v1/label/{quote(question.label, safe='')}/values"
        return "GET", f"{path}?{form}" if form else path, None
    return "POST", _PATHS[question.kind], form.encode("ascii")


def passed(question: Question, envelope: Envelope) -> PassedAnswer:
    """The answer to the question. Raises what UNREADABLE_JSON names when it is none."""
    data = bytes(envelope.data)
    match question.kind:
        case QuestionKind.QUERY | QuestionKind.QUERY_RANGE:
            found = _RESULT.decode(data)
            count = len(found.result) if found.resultType in {"vector", "matrix"} else 1
        case QuestionKind.SERIES:
            count = len(_SERIES.decode(data))
        case _:
            count = len(_NAMES.decode(data))
    return PassedAnswer(data, count, _bounded(envelope.warnings), _bounded(envelope.infos))


def refusal(status: int, envelope: Envelope) -> RejectedError | DeadlineError:
    """Prometheus' own words."""
    words = envelope.error[:_LONGEST_REASON] or "no reason given"
    if envelope.errorType in {"timeout", "canceled"}:
        return DeadlineError(words)
    return RejectedError(words, status=status, kind=envelope.errorType)


def _bounded(remarks: list[str]) -> tuple[str, ...]:
    return tuple(remark[:_LONGEST_REASON] for remark in remarks[:_MOST_REMARKS])
