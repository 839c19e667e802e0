"""Text from outside, made fit for Slack: one visible line, of bounded length, that pings, links and fakes nothing.

It goes into elements of the kind `plain_text`, in which Slack reads no mark-up, link or emoji. `escaped` is for the one
place that has no such kind: the line for notifications.
"""

import unicodedata
from collections.abc import Iterator

LONGEST = 3000
"""Characters of one text in a section, Slack's own bound."""

_MOST_MARKS = 3  # accents on one letter: real languages need no more
_LINE_END = "\N{RETURN SYMBOL}"
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_BLANKS = frozenset(  # letters by category that nobody sees
    "\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5\N{VARIATION SELECTOR-16}\N{VARIATION SELECTOR-15}"
)
_MARKED_UP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MORE = "\N{HORIZONTAL ELLIPSIS}"
_NOTHING = "-"


def one_line(text: str, most: int = LONGEST) -> str:
    """The text as one line: what cannot be seen is an escape, what is too long is cut, and says so; never empty."""
    return cut("".join(_visible(text[: most + 1].strip(" "))), most, whole=len(text)) or _NOTHING


def cut(text: str, most: int, *, whole: int = 0) -> str:
    """The beginning of what is too long, with how many characters there are; `whole` where it was cut before."""
    size = max(len(text), whole)
    if size <= most:
        return text
    said = f"{_MORE} (cut: {size:,} characters)"
    return text[: max(most - len(said), 0)] + said[:most]


def escaped(text: str, most: int) -> str:
    """One line for where Slack reads mark-up: nothing in it begins any. `most` is before escaping."""
    return "".join(_MARKED_UP.get(letter, letter) for letter in one_line(text, most))


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for letter in text.replace("\r\n", "\n"):
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if letter in _LINE_ENDS:
            yield _LINE_END
        elif letter in _BLANKS or marks > _MOST_MARKS:
            yield _escape(letter)
        elif letter.isprintable():
            yield letter
        else:
            yield " " if letter == "\t" or unicodedata.category(letter) == "Zs" else _escape(letter)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
