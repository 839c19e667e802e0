"""Makes words from outside harmless for services that show plain text: nothing in it pings, links or hides.

What such services make of plain text differs: addresses become links, names after an @ are called, `<!here>` too. So a
character without width is put where each of these would begin; people read the same.
"""

import re
import unicodedata

_APART = "\N{ZERO WIDTH SPACE}"
_MORE = " ... (cut)"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MOST_MARKS = 4  # on one letter; more of them cover the lines around it
_BEGINNINGS = re.compile(
    r"(?<=:)(?=//)"  # http://evil
    r"|(?<=www)(?=\.)"
    r"|(?<=@)(?=\S)"  # @here, somebody@example.org
    r"|(?<=<)(?=[!@#a-z/])"  # <!channel>, <@U1>, <a href=
    r"|(?<=\])(?=[(\[])",  # [Approve](http://evil)
    re.IGNORECASE,
)


def inert(text: str, longest: int = 1000) -> str:
    """The text as one line that does nothing, of so many characters at most; that it was cut is said."""
    line = " ".join(_seen(text[: 4 * longest]).split())
    apart = _BEGINNINGS.sub(_APART, line)
    return apart if len(apart) <= longest and len(text) <= 4 * longest else f"{apart[: longest - len(_MORE)]}{_MORE}"


def _seen(text: str) -> str:
    marks = 0
    kept = []
    for letter in text:
        category = unicodedata.category(letter)
        marks = marks + 1 if category == "Mn" else 0
        if marks <= _MOST_MARKS:
            kept.append(" " if category in _UNSEEN else letter)
    return "".join(kept)
