"""JSON of callers, read so that it can mean one thing only."""

import json
from typing import Any, NoReturn

from aetherlink.errors import BadRequestError


def read_object(text: str | bytes) -> dict[str, Any]:
    """An object without a key twice and without fractions. Raises BadRequestError."""
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise BadRequestError("this is not the JSON that is expected here") from problem
    if not isinstance(found, dict):
        raise BadRequestError("a JSON object is expected here")
    return found


def whole_number(value: object, *, largest: int) -> int:
    """A number from 1 on. Raises BadRequestError."""
    if type(value) is not int or not 1 <= value <= largest:
        raise BadRequestError(f"a whole number from 1 to {largest} is expected here")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no whole number")
