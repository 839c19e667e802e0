"""Sizes of memory as people write them: `512M`, `1.5G`, in steps of 1024, as Docker and Compose have it."""

import re

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,3})?)([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
_NAMES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def read_size(text: str) -> int:
    """Bytes. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size like 512M or 1.5G")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def size_words(size: int) -> str:
    """The size in the largest unit that says it without a fraction: `1536 MiB`."""
    name, unit = next(((name, unit) for name, unit in _NAMES if size and size % unit == 0), ("bytes", 1))
    return f"{size // unit} {name}"
