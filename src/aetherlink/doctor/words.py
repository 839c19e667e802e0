"""Lists, shares and times as a finding says them."""

from collections.abc import Iterable
from datetime import timedelta

_MOST = 5


def some(names: Iterable[str]) -> str:
    """The first few of them, and how many more there are."""
    all_of_them = list(names)
    more = len(all_of_them) - _MOST
    return ", ".join(all_of_them[:_MOST]) + (f" and {more} more" if more > 0 else "")


def share(part: int, whole: int) -> str:
    """As a percentage with its counts."""
    return f"{100 * part / whole:.0f} % ({part} of {whole})"


def span(length: timedelta) -> str:
    """Rounded to what matters: `3 s`, `12 min`, `5 h`, `9 days`."""
    seconds = length.total_seconds()
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
