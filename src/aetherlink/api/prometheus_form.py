"""Reads what Prometheus' clients send: parameters in the address, in a form, or in JSON; times in their ways to write.

Each error is a BadRequestError that names the parameter.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from aetherlink.errors import BadRequestError
from aetherlink.model.queries import Selection, Span

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100
_LATEST = 253_402_300_799.0  # the end of the year 9999
_LONGEST_TEXT = 60
_LONGEST_SECONDS = 10 * 365 * 86_400.0
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_DURATION = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")
_PART = re.compile(r"(\d+)(y|w|d|h|ms|m|s)")
_UNITS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_JSON = msgspec.json.Decoder(dict[str, str | int | float | list[str] | None])


class Form:
    """The parameters by name; of one that is there more than once the first counts, but for lists."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str | None:
        """The parameter; None when it is absent or empty."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> tuple[str, ...]:
        """All of that name that are not empty."""
        return tuple(value for value in self._fields.get(name, ()) if value)

    def needed(self, name: str) -> str:
        """The parameter, which has to be there."""
        if (value := self.text(name)) is None:
            raise BadRequestError(f"the parameter {name!r} is missing")
        return value

    def time(self, name: str) -> float | None:
        """An instant in seconds since 1970."""
        text = self.text(name)
        return None if text is None else _time(name, text)

    @property
    def span(self) -> Span:
        """The instants of a range query."""
        step = _seconds("step", self.needed("step"))
        if step <= 0:
            raise BadRequestError("'step': zero or negative query resolution step widths are not accepted")
        return Span(_time("start", self.needed("start")), _time("end", self.needed("end")), step)

    @property
    def patience(self) -> timedelta | None:
        """How long the caller waits."""
        if (text := self.text("timeout")) is None:
            return None
        if (seconds := _seconds("timeout", text)) <= 0:
            raise BadRequestError("'timeout': it has to be longer than zero")
        return timedelta(seconds=max(seconds, 0.001))

    @property
    def selection(self) -> Selection:
        """Which series a list is made of."""
        limit = self.text("limit")
        if limit is not None and not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
            raise BadRequestError(f"'limit': {limit[:_LONGEST_TEXT]!r} is no whole number that can be used")
        wanted = int(limit) if limit else None
        return Selection(self.all("match[]"), self.time("start"), self.time("end"), wanted or None)


async def read(request: Request) -> Form:
    """The parameters of the request, those of its body before those of its address."""
    fields = {} if request.method == "GET" else _body(request, await request.body())
    for name, values in _pairs(request.scope["query_string"]).items():
        fields.setdefault(name, []).extend(values)
    return Form(fields)


def _body(request: Request, body: bytes) -> dict[str, list[str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _object(body)
    if body and kind != _FORM:
        raise HTTPException(415, f"send `Content-Type: {_FORM}`, or JSON")
    return _pairs(body)


def _pairs(text: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:  # UnicodeDecodeError is one of them
        raise BadRequestError(f"the parameters cannot be read: {error}") from error


def _object(body: bytes) -> dict[str, list[str]]:
    try:
        found = _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"the body is no JSON object of parameters: {error}") from error
    given = {name: value for name, value in found.items() if value is not None}
    return {name: value if isinstance(value, list) else [str(value)] for name, value in given.items()}


def _time(name: str, text: str) -> float:
    if len(text) > _LONGEST_TEXT:
        raise BadRequestError(f"'{name}': {text[:_LONGEST_TEXT]!r} is no timestamp")
    seconds = float(text) if _NUMBER.fullmatch(text) else _written_time(name, text)
    if not 0 <= seconds <= _LATEST:
        raise BadRequestError(f"'{name}': {text[:_LONGEST_TEXT]!r} lies before 1970 or after 9999")
    return seconds


def _written_time(name: str, text: str) -> float:
    try:
        instant = datetime.fromisoformat(text[:_LONGEST_TEXT])
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise BadRequestError(
            f"'{name}': cannot parse {text[:_LONGEST_TEXT]!r} to a valid timestamp: write seconds since 1970 or "
            "2025-11-02T20:06:26Z"
        )
    return instant.timestamp()


def _seconds(name: str, text: str) -> float:
    """A duration in seconds, as a number or as `1h30m`."""
    if len(text) > _LONGEST_TEXT:
        raise BadRequestError(f"'{name}': {text[:_LONGEST_TEXT]!r} is no duration")
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    else:
        raise BadRequestError(f"'{name}': cannot parse {text[:_LONGEST_TEXT]!r} to a valid duration: write 15 or 1m30s")
    if not math.isfinite(seconds) or abs(seconds) > _LONGEST_SECONDS:
        raise BadRequestError(f"'{name}': {text[:_LONGEST_TEXT]!r} is too long")
    return seconds
