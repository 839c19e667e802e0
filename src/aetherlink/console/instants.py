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
    machine = f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    written = Markup('<time datetime="{}">{}</time> <span class="age">({})</span>')
    return written.format(machine, clock_time(instant), ago(instant, now))


def age(instant: datetime, now: datetime) -> Markup:
    """How long ago that was, with the instant for who wants to know."""
    machine = f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, clock_time(instant), ago(instant, now))
