"""When the other side of an HTTP request wants the next one: the header Retry-After (RFC 9110, section 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_until(header: str, now: datetime) -> float | None:
    """Seconds from now, by a number of them or by a date; None where the header says nothing that can be read."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max((at - now).total_seconds(), 0.0)
