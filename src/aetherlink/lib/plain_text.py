"""Words from outside, made fit to be stored: of bounded length, and without NUL, which PostgreSQL takes in no text."""

_REPLACED = "\N{REPLACEMENT CHARACTER}"


def plain(text: str, longest: int | None = None) -> str:
    """The text, cut off where it is longer, with a mark in the place of every NUL."""
    return text[:longest].replace("\0", _REPLACED)
