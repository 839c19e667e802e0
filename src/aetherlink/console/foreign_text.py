"""Text from outside, made fit to be looked at: nothing that is invisible or turns the line around, and not too much.

Escaping for HTML is the template's; this is about what escaping leaves: control characters, marks that change the
direction of writing, towers of accents, and megabytes. `shown` is put over everything that a template writes.
"""

import re
import unicodedata
from collections.abc import Iterator

from markupsafe import Markup, escape

LONGEST = 2_000  # characters of one value
_MOST_LINES = 40
_MOST_MARKS = 3  # accents on one letter: real languages need no more
_LONGEST_LINK = 2_000
_LINK = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!-~]*)?")
_NO_LINK = frozenset("\\\"'<>`{}|^")
_MORE = "\N{HORIZONTAL ELLIPSIS}"


def shown(value: object) -> object:
    """A value as a template may write it: text is made visible and cut, None becomes nothing."""
    if value is None:
        return ""
    return visible(cut(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def cut(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text that is too long, and how long it is."""
    if len(text) <= longest and text.count("\n") < _MOST_LINES:
        return text
    kept = "\n".join(text[:longest].split("\n")[:_MOST_LINES])
    return f"{kept}{_MORE} ({len(text):,} characters)"


def visible(text: str) -> str:
    """The text with an escape in the place of everything that cannot be seen; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(text.replace("\r\n", "\n")))


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if letter == "\n" or (letter.isprintable() and marks <= _MOST_MARKS):
            yield letter
        elif letter == "\t" or unicodedata.category(letter) == "Zs":
            yield " "
        else:
            yield letter.encode("unicode_escape").decode()


def is_link(text: str) -> bool:
    """Whether it is wholly a web address that hides nothing: no name or password before the host, ASCII only."""
    return len(text) <= _LONGEST_LINK and _LINK.fullmatch(text) is not None and not _NO_LINK & set(text)


def ticked(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    parts = visible(cut(text)).split("`")
    if len(parts) % 2 == 0:  # one has no partner
        return escape("`".join(parts))
    wrapped = (
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )
    return Markup("").join(wrapped)
