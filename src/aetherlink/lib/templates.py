"""Structures with gaps: a text that is `{{ word }}` and nothing else has the value of the word put in its place.

Nothing is ever formatted into a text, so a value cannot become a part of the structure. No code, no filters.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_GAP = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")
_DEEPEST = 20
_MOST = 500


def problem(template: object, is_known: Callable[[str], bool], known: tuple[str, ...]) -> str:
    """Why it cannot be filled: where, what and the nearest known word; empty where it can."""
    for count, (place, value) in enumerate(_texts(template, "body", 0), start=1):
        if count > _MOST:
            return f"more than {_MOST} values"
        if value is None:
            return f"{place}: more than {_DEEPEST} levels deep"
        gap = _GAP.fullmatch(value)
        if gap is None and "{{" in value:
            return f"{place}: {value[:100]!r} is not wholly one word in braces, such as '{{{{ headline }}}}'"
        if gap is not None and not is_known(gap[1]):
            near = difflib.get_close_matches(gap[1], known, n=1)
            return f"{place}: there is no {gap[1]!r}{f', is {near[0]!r} meant?' if near else ''}"
    return ""


def filled(template: Json, word: Callable[[str], object]) -> object:
    """The structure with the value of every word in its place, as it is: a number stays one."""
    match template:
        case str():
            gap = _GAP.fullmatch(template)
            return template if gap is None else word(gap[1])
        case dict():
            return {key: filled(value, word) for key, value in template.items()}
        case list():
            return [filled(value, word) for value in template]
        case _:
            return template


def looked_up(words: Mapping[str, object], path: str) -> object:
    """The value at a path with dots; None where there is none."""
    found: object = words
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(value: object, place: str, depth: int) -> Iterator[tuple[str, str | None]]:
    """Every text with its place; None in the place of what lies too deep."""
    if depth > _DEEPEST:
        yield place, None
    elif isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}", depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{place}.{number}", depth + 1)
