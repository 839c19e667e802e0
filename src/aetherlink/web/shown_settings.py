"""Settings as they may be shown: every secret hidden, whether its type says that it is one, its name, or its form."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import Enum

from pydantic import BaseModel, SecretBytes, SecretStr

from aetherlink.web.house_rules import ShownSetting

HIDDEN = "(hidden)"
DEFAULT = "default"
_FILE = "settings file"
_LONGEST = 500
_SECRET = re.compile(
    r"passw|secret|token|key|credential|dsn|header|cookie|bearer|apprise|body|query_params|ping", re.IGNORECASE
)
_PLACE = re.compile(r"(?:_file|_dir|_minutes|_seconds|_interval)$|^pause_file$")
_ADDRESS = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?:[^\s/@]*@)?(?P<host>[^\s/?#,]*)(?P<rest>[/?#][^\s,]*)?"
)
_OPEN_SCHEMES = frozenset({"http", "https", "unix", "tcp", "ws", "wss"})

Place = tuple[int | str, ...]


def shown_settings(settings: BaseModel, variable_of: Callable[[Place], str | None]) -> list[ShownSetting]:
    """Every setting in force, each value by itself. `variable_of` names the variable that set what is at a place."""
    return list(_of_model(settings, (), variable_of, is_given=True))


def _of_model(
    model: BaseModel, place: Place, variable_of: Callable[[Place], str | None], *, is_given: bool
) -> Iterator[ShownSetting]:
    for name in type(model).model_fields:
        given = is_given and name in model.model_fields_set
        yield from _of_value(getattr(model, name), (*place, name), variable_of, is_given=given)


def _of_value(
    value: object, place: Place, variable_of: Callable[[Place], str | None], *, is_given: bool
) -> Iterator[ShownSetting]:
    match value:
        case BaseModel():
            yield from _of_model(value, place, variable_of, is_given=is_given)
        case Mapping() if value:
            for key, each in value.items():
                yield from _of_value(each, (*place, str(key)), variable_of, is_given=is_given)
        case tuple() | list() if any(isinstance(each, BaseModel | Mapping) for each in value):
            for number, each in enumerate(value):
                yield from _of_value(each, (*place, number), variable_of, is_given=is_given)
        case _:
            origin = variable_of(place) or (_FILE if is_given else DEFAULT)
            yield ShownSetting(".".join(map(str, place)), _shown(value, place), origin)


def _shown(value: object, place: Place) -> str:
    if value is None or value == "" or (isinstance(value, tuple | list | Mapping | frozenset) and not value):
        return ""
    if isinstance(value, SecretStr | SecretBytes) or _is_secret(place):
        return HIDDEN
    return _ADDRESS.sub(_without_secrets, _text(value))[:_LONGEST]


def _is_secret(place: Place) -> bool:
    named = [part for part in place if isinstance(part, str)]
    return bool(named) and not _PLACE.search(named[-1]) and any(_SECRET.search(part) for part in named)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return f"{value.total_seconds():g} s"
        case Enum():
            return str(value.value)
        case tuple() | list() | frozenset():
            return ", ".join(map(_text, value))
        case _:
            return str(value)


def _without_secrets(address: re.Match[str]) -> str:
    """The server alone: a login, a path or a query may be as good as a key."""
    if address["scheme"].lower() not in _OPEN_SCHEMES:
        return HIDDEN
    if address["scheme"].lower() == "unix":
        return address[0]
    has_more = (address["rest"] or "/") != "/"
    return f"{address['scheme']}://{address['host']}{'/...' if has_more else ''}"
