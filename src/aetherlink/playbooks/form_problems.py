"""What pydantic says of a file that somebody wrote, in the words of that somebody: file, key, what is meant.

Called by the loader of the playbooks and by the settings. It prints nothing.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]

_MOST_LISTED = 12
_TIMEDELTA = re.compile(r"datetime\.timedelta\((?:days=(\d+))?(?:, )?(?:seconds=(\d+))?\)")

_WORDS: Mapping[str, str] = {  # pydantic speaks of Python's types, the file has YAML's
    "time_delta_type": "this has to be a duration, like 30s or 2h",
    "tuple_type": "this has to be a list, like [a, b]",
    "list_type": "this has to be a list, like [a, b]",
    "dict_type": "this has to be a mapping, like {name: value}",
    "model_type": "this has to be a mapping, like {name: value}",
    "model_attributes_type": "this has to be a mapping, like {name: value}",
}


def lines(problem: ValidationError, form: type[BaseModel]) -> Iterator[tuple[ErrorDetails, str]]:
    """Each error with its line: `key.below: what is wrong`. `form` is the model that the file was read into."""
    errors = problem.errors()
    for error in errors:
        if error["type"] == "too_short" and any(_is_below(other["loc"], error["loc"]) for other in errors):
            continue  # only for want of the element that is told by itself
        place = ".".join(map(str, error["loc"]))
        yield error, f"{place}: {_words(error, form)}" if place else _words(error, form)


def nearest(word: str, known: Iterable[str]) -> str:
    """`: did you mean ...?`, or nothing when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean `{near[0]}`?" if near else ""


def _known(keys: Iterable[str]) -> str:
    return f": known here are {', '.join(f'`{key}`' for key in keys)}" if keys else ": nothing is known here"


def _is_below(place: Place, other: Place) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _words(error: ErrorDetails, form: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        known = _keys_beside(form, error["loc"])
        near = nearest(str(error["loc"][-1]), known)
        return f"unknown key{near or (_known(known) if len(known) <= _MOST_LISTED else '')}"
    return _WORDS.get(error["type"]) or _readable(error).removeprefix("Value error, ")


def _readable(error: ErrorDetails) -> str:
    """The message with durations as people write them: pydantic quotes Python."""
    return _TIMEDELTA.sub(lambda one: f"{int(one[1] or 0) * 86_400 + int(one[2] or 0)}s", error["msg"])


def _keys_beside(form: type[BaseModel], place: Place) -> list[str]:
    """The known keys of the mapping that holds this place; none where any key may stand."""
    holder: Any = form
    for part in place[:-1]:
        holder = _below(holder, part)
    return [alias or name for name, alias, _ in _fields(holder)]


def _below(annotation: Any, part: int | str) -> Any:
    """The annotation of what stands at `part` in something of this annotation; None where that is unknown."""
    for each in _alternatives(annotation):
        if get_origin(each) in (dict, tuple, list):
            inside = get_args(each)
            return inside[1] if get_origin(each) is dict else inside[0]
    return next((below for name, alias, below in _fields(annotation) if part == (alias or name)), None)


def _fields(annotation: Any) -> Iterator[tuple[str, str | None, Any]]:
    """Name, alias and annotation of a model's fields, also of one that may be absent; nothing of anything else."""
    for each in _alternatives(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            for name, field in each.model_fields.items():
                yield name, field.alias, field.annotation


def _alternatives(annotation: Any) -> Iterator[Any]:
    """What it may be, one after the other, without what is only said about it."""
    match get_origin(annotation):
        case origin if origin in (Union, UnionType):
            for each in get_args(annotation):
                yield from _alternatives(each)
        case origin if origin is Annotated:
            yield from _alternatives(get_args(annotation)[0])
        case _:
            yield annotation
