"""Durations as people write them in settings and playbooks: `3s`, `1m30s`, `250ms`, or a number of seconds.

Called by what reads settings and playbooks (`Annotated[timedelta, BeforeValidator(read_duration)]`). Never negative.
"""

import re
from datetime import timedelta

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_FORM = re.compile(r"(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")
_PART = re.compile(r"(\d+)(d|h|ms|m|s)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST_TEXT = 40
_LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Read `1h30m`, `45s`, `500ms`, or seconds as a bare number. Raises ValueError that says which forms there are."""
    stripped = text.strip()
    if not stripped or len(stripped) > _LONGEST_TEXT:
        raise ValueError(_complaint(text))
    if _NUMBER.fullmatch(stripped):
        seconds = float(stripped)
    elif _FORM.fullmatch(stripped):
        seconds = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(stripped))
    else:
        raise ValueError(_complaint(text))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than ten years")
    return timedelta(seconds=seconds)


def _complaint(text: str) -> str:
    return (
        f"{text[:_LONGEST_TEXT]!r} is not a duration: write for instance 30s, 1m30s, 2h, 250ms, or a number of seconds"
    )


def read_duration(value: object) -> object:
    """For validators: text and numbers become a timedelta, anything else is passed on. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(_complaint(str(value)))  # noqa: TRY004 - validators report ValueError with its place
    if isinstance(value, int | float):
        if not 0 <= value <= _LONGEST.total_seconds():  # also what is no number
            raise ValueError(_complaint(f"{value:g}"))
        return parse_duration(f"{value:f}")
    return parse_duration(value) if isinstance(value, str) else value
