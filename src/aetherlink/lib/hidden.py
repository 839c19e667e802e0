"""Characters of a text from outside that nobody would see: they hide words, or change what the others seem to say."""

import re
import unicodedata
from collections.abc import Callable

_NOT_ASCII = re.compile("[^ -~]")  # printable ASCII hides nothing, and is nearly all there is
_PICTURE = "\ufe0f"  # the variation selector with which what stands before it is drawn as a picture
# Letters, marks and a symbol which isprintable() lets through though nothing is drawn: what it leaves of Unicode's
# Default_Ignorable_Code_Point, and the braille pattern without a dot.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


def without_hidden(text: str, escaped: Callable[[str], str]) -> str:
    """The text with `escaped` of each such character in its place, of line ends and tabs too."""

    def told(found: re.Match[str]) -> str:
        char, before = found.group(), text[max(0, found.start() - 1) : found.start()]
        return escaped(char) if _is_hidden(char) and not (char == _PICTURE and _is_symbol(before)) else char

    return _NOT_ASCII.sub(told, text)


def _is_hidden(char: str) -> bool:
    return not char.isprintable() or _BLANK.match(char) is not None


def _is_symbol(char: str) -> bool:
    """Whether one selector after it stays: ordinary emoji are written so, and an escape in each would bury the words.

    After letters, digits or another selector it could carry a message to a machine that reads along; after a symbol,
    once, it says no more than the symbol.
    """
    return char != "" and unicodedata.category(char) == "So" and not _is_hidden(char)
