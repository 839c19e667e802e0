"""How the parameters of Prometheus' API are described: the same in the address, in a form and in JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

_TEXT = {"type": "string"}
_PARAMETERS: Mapping[str, tuple[str, Any]] = {
    "query": ("PromQL.", "aether:health_score:15m"),
    "time": ("The instant, as seconds since 1970 or like 2025-11-02T20:06:26Z; now if absent.", "1762113986"),
    "start": ("From when, as seconds since 1970 or like 2025-11-02T20:06:26Z.", "1762113600"),
    "end": ("Until when, as seconds since 1970 or like 2025-11-02T20:06:26Z.", "1762113900"),
    "step": ("How far apart the instants are, as seconds or like 1m30s.", "15"),
    "timeout": ("How long to wait, as seconds or like 10s; never longer than `queries.deadline`.", "5s"),
    "match[]": ("A selector of series; more than one: any of them.", ["up"]),
    "limit": ("The most that is listed; never more than `queries.most_names`.", "1000"),
    "source": ("The source to ask, by name; the first one if absent.", None),
}
_LISTS = frozenset({"match[]"})


def address(*names: str, needed: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters in the address."""
    return {"parameters": [_parameter(name, is_needed=name in needed) for name in names]}


def body(*names: str, needed: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters in a body."""
    schema = {
        "type": "object",
        "properties": {name: {**_schema(name), "description": _PARAMETERS[name][0]} for name in names},
        "required": list(needed),
    }
    example = {name: _PARAMETERS[name][1] for name in names if _PARAMETERS[name][1] is not None}
    content = {"schema": schema, "example": example}
    kinds = ("application/x-www-form-urlencoded", "application/json")
    return {"requestBody": {"required": True, "content": dict.fromkeys(kinds, content)}}


def _parameter(name: str, *, is_needed: bool) -> dict[str, Any]:
    text, example = _PARAMETERS[name]
    shown = {} if example is None else {"example": example}
    return {"name": name, "in": "query", "required": is_needed, "description": text, "schema": _schema(name), **shown}


def _schema(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _TEXT} if name in _LISTS else dict(_TEXT)
