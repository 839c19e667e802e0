"""Instants and durations as pages show them: UTC, with how long ago that was when the page was written."""

from datetime import UTC, datetime, timedelta

from markupsafe import Markup

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(length: timedelta) -> str:
    """Its two largest units: `3 d 4 h`, `12 min 5 s`, `0 s`; the sign is left out."""
    left = int(abs(length.total_seconds()))
    said: list[str] = []
    for name, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            said.append(f"{count} {name}")
        elif said:
            break
    return " ".join(said[:2]) or "0 s"


def ago(instant: datetime, now: datetime) -> str:
    """How long before or after now that is, in words."""
    if abs(now - instant) < timedelta(seconds=1):
        return "just now"
    length = duration(now - instant)
    return f"in {length}" if instant > now else f"{length} ago"


def clock_time(instant: datetime) -> str:
    """The instant to the second."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment(instant: datetime | None, now: datetime) -> Markup:
    """The instant with its age; nothing where there is none."""
    if instant is None:
        return Markup("")
    return Markup('{} <span class="age">({})</span>').format(clock(instant), age(instant, now))


def clock(instant: datetime) -> Markup:
    """The instant alone, for the script to write it as the reader's clock has it."""
    return Markup('<time datetime="{}">{}</time>').format(_machine(instant), clock_time(instant))


def age(instant: datetime, now: datetime) -> Markup:
    """How long ago that was, with the instant for who wants to know."""
    written = Markup('<time datetime="{}" title="{}" data-age="">{}</time>')
    return written.format(_machine(instant), clock_time(instant), ago(instant, now))


def lasting(instant: datetime, now: datetime) -> Markup:
    """How long it has lasted, with the instant since when."""
    written = Markup('<time datetime="{}" title="{}" data-age="for">{}</time>')
    return written.format(_machine(instant), clock_time(instant), duration(now - instant))


def _machine(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
