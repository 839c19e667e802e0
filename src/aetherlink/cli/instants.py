"""Instants of the agent in the words of a person who looks at them now."""

from datetime import datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def parsed(text: object) -> datetime | None:
    """The instant; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def away(text: object, now: datetime) -> str:
    """How long ago, or in how long; what is no instant stays as it is."""
    instant = parsed(text)
    if instant is None:
        return str(text or "")
    seconds = (now - instant).total_seconds()
    return lasting(seconds) if seconds >= 0 else f"in {lasting(-seconds)}"


def lasting(seconds: float) -> str:
    """A length of time in its largest unit, cut: two hours are not over before they are."""
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return "0 s"


def seconds_since(text: object, now: datetime) -> float:
    """Seconds from the instant to now; 0 for what is no instant, or to come."""
    instant = parsed(text)
    return 0.0 if instant is None else max(0.0, (now - instant).total_seconds())
