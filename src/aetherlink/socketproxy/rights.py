"""THE table: every call that is let through, by method, path, query and body. What it does not name is refused.

Pure. A path is matched as the bytes that came: nothing is decoded, so nothing can hide in an encoding. What goes on to
the daemon is built anew from what was matched.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import parse_qsl, urlencode

from aetherlink.errors import BadRequestError, ForbiddenError
from aetherlink.socketproxy.http_request import Request
from aetherlink.socketproxy.strict_json import read_object, whole_number

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
FULL_ID = r"[0-9a-f]{64}"
IMAGE_ID = rf"sha256:{FULL_ID}"
GRACE_MAX = 300
REPLICAS_MAX = 100

_VERSION = re.compile(r"(/v1\.[0-9]{1,3})?(/.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_FILTERS_BYTES = 4096
_FILTERS_MAX, _VALUES_MAX = 10, 100
_WORD = re.compile(r"[\x20-\x7e]{1,300}")
_LIST_FILTERS = frozenset({"id", "name", "label", "status", "health", "network", "ancestor"})
_EVENT_FILTERS = frozenset({"container", "event", "label", "image"})
_LARGEST = 2**62
_LIMITS = frozenset({"Memory", "MemoryReservation", "MemorySwap"}) | {"NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota"}

Check = Callable[[str], str]
"""Answers with the value as it goes on; raises BadRequestError."""


class Kind(Enum):
    """What the proxy does with a call that the table names."""

    READ = auto()
    INSPECT = auto()
    """A read whose answer loses the environment, for passwords stand there."""
    EVENTS = auto()
    CHANGE = auto()
    """Passed on for a container that may be changed, under its full id."""
    RELEASES = auto()
    REPLACE = auto()
    REPLICAS = auto()

    @property
    def is_own(self) -> bool:
        """Whether it is the proxy's own, so that no version of Docker's stands before it."""
        return self in {Kind.RELEASES, Kind.REPLACE, Kind.REPLICAS}


@dataclass(frozen=True, slots=True)
class Call:
    """What was matched: the parts of the path by name, the query and the body as they may go on."""

    kind: Kind
    version: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, object]

    @property
    def verb(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def target(self, path: str | None = None) -> str:
        """What the daemon is asked for."""
        query = urlencode(self.query)
        return f"{self.version}{path or self.path}{'?' if query else ''}{query}"


@dataclass(frozen=True, slots=True)
class Right:
    """One line of the table. `limits` and the like take a body; with none, a body is refused."""

    kind: Kind
    method: str
    path: re.Pattern[str]
    query: Mapping[str, Check]
    body: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None


def match(request: Request) -> Call:
    """The call that the request is. Raises ForbiddenError for what is not let through, BadRequestError."""
    split = _VERSION.fullmatch(request.path)
    version, path = (split[1] or "", split[2]) if split else ("", "")
    for right in RIGHTS:
        found = right.path.fullmatch(path)
        if found and right.method == request.method:
            if version and right.kind.is_own:
                break
            query = _query(right, request.query)
            return Call(right.kind, version, path, found.groupdict(), query, _body(right, request.body))
    raise ForbiddenError("this call is not let through")


def _query(right: Right, text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError as problem:
        raise BadRequestError("the query cannot be read") from problem
    if unknown := next((name for name, _ in pairs if name not in right.query), None):
        raise ForbiddenError(f"{unknown!r} is not let through in the query")
    if len(dict(pairs)) < len(pairs):
        raise BadRequestError("something comes twice in the query")
    return {name: right.query[name](value) for name, value in pairs}


def _body(right: Right, body: bytes) -> Mapping[str, object]:
    if right.body is None:
        if body not in {b"", b"{}", b"null"}:  # clients send any of these for nothing
            raise ForbiddenError("a body is not let through here")
        return {}
    return right.body(read_object(body or b"{}"))


# --- what may stand in a query


def _flag(value: str) -> str:
    if value.lower() not in {"0", "1", "true", "false"}:
        raise BadRequestError(f"{value!r} is neither 0 nor 1")
    return value.lower()


def _no(value: str) -> str:
    if _flag(value) not in {"0", "false"}:
        raise ForbiddenError("sizes are not let through: the daemon reads every file for them")
    return value


def _count(value: str) -> str:
    if re.fullmatch(r"-1|[0-9]{1,5}", value) is None:
        raise BadRequestError(f"{value!r} is no number of containers")
    return value


def _instant(value: str) -> str:
    if _NUMBER.fullmatch(value) is None:
        raise BadRequestError(f"{value!r} is no time in seconds")
    return value


def _grace(value: str) -> str:
    if re.fullmatch(r"[0-9]{1,3}", value) is None or int(value) > GRACE_MAX:
        raise BadRequestError(f"the grace is 0 to {GRACE_MAX} s")
    return value


def _filters(allowed: frozenset[str]) -> Check:
    def check(value: str) -> str:
        if len(value) > _FILTERS_BYTES:
            raise BadRequestError(f"filters are longer than {_FILTERS_BYTES} characters")
        found = read_object(value)
        if len(found) > _FILTERS_MAX or not found.keys() <= allowed:
            raise ForbiddenError(f"filters are by {', '.join(sorted(allowed))}")
        return json.dumps({name: _filter_values(values) for name, values in found.items()})

    return check


def _filter_values(values: object) -> list[str]:
    """As a list; newer clients write an object of so many `true`. Raises BadRequestError."""
    if isinstance(values, dict):
        values = [value for value, is_wanted in values.items() if is_wanted is True]
    if not isinstance(values, list) or not 0 < len(values) <= _VALUES_MAX:
        raise BadRequestError(f"a filter has 1 to {_VALUES_MAX} values")
    if not all(isinstance(value, str) and _WORD.fullmatch(value) for value in values):
        raise BadRequestError("the values of a filter are short words")
    return values


# --- what may stand in a body


def _limits(body: Mapping[str, object]) -> Mapping[str, object]:
    """Memory and processor, none of them lifted: 0 and -1 would mean no limit."""
    if not body or not body.keys() <= _LIMITS:
        raise ForbiddenError(f"what may be changed: {', '.join(sorted(_LIMITS))}")
    return {name: whole_number(value, largest=_LARGEST) for name, value in body.items()}


def _replacement(body: Mapping[str, object]) -> Mapping[str, object]:
    if not body.keys() <= {"image"}:
        raise ForbiddenError("a replacement takes `image` and nothing else")
    image = body.get("image")
    if image is not None and (not isinstance(image, str) or re.fullmatch(IMAGE_ID, image) is None):
        raise BadRequestError("`image` is an image's full id, sha256:...")
    return {} if image is None else {"image": image}


def _growth(body: Mapping[str, object]) -> Mapping[str, object]:
    if not {"add"} <= body.keys() <= {"add", "seen"}:
        raise ForbiddenError("replicas take `add`, and `seen`: how many there are now")
    return {name: whole_number(value, largest=REPLICAS_MAX) for name, value in body.items()}


def _at(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


_CONTAINER = rf"/containers/(?P<name>{NAME})"
_STOPPING: Mapping[str, Check] = {"t": _grace}
_LISTING: Mapping[str, Check] = {
    "all": _flag,
    "trunc_cmd": _flag,
    "size": _no,
    "limit": _count,
    "filters": _filters(_LIST_FILTERS),
}
_EVENTS: Mapping[str, Check] = {"since": _instant, "until": _instant, "filters": _filters(_EVENT_FILTERS)}

RIGHTS: tuple[Right, ...] = (
    Right(Kind.READ, "GET", _at(r"/_ping"), {}),
    Right(Kind.READ, "GET", _at(r"/version"), {}),
    Right(Kind.READ, "GET", _at(r"/containers/json"), _LISTING),
    Right(Kind.INSPECT, "GET", _at(rf"{_CONTAINER}/json"), {"size": _no}),
    Right(Kind.INSPECT, "GET", _at(r"/images/(?:sha256:)?[0-9a-f]{12,64}/json"), {}),
    Right(Kind.EVENTS, "GET", _at(r"/events"), _EVENTS),
    Right(Kind.CHANGE, "POST", _at(rf"{_CONTAINER}/restart"), _STOPPING),
    Right(Kind.CHANGE, "POST", _at(rf"{_CONTAINER}/stop"), _STOPPING),
    Right(Kind.CHANGE, "POST", _at(rf"{_CONTAINER}/start"), {}),
    Right(Kind.CHANGE, "POST", _at(rf"{_CONTAINER}/update"), {}, _limits),
    Right(Kind.RELEASES, "GET", _at(rf"/aether/v1/containers/(?P<name>{FULL_ID})/releases"), {}),
    Right(Kind.REPLACE, "POST", _at(rf"/aether/v1/containers/(?P<name>{FULL_ID})/replace"), _STOPPING, _replacement),
    Right(
        Kind.REPLICAS,
        "POST",
        _at(rf"/aether/v1/services/(?P<project>{NAME})/(?P<service>{NAME})/replicas"),
        {},
        _growth,
    ),
)
