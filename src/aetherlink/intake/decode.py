"""Decodes Alertmanager's webhook (version 4, and Grafana's superset) into alerts. Only the needed keys are read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from aetherlink.errors import BadRequestError
from aetherlink.intake.fingerprint import fingerprint
from aetherlink.lib.plain_text import plain
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, SourceName

_LONGEST_PROBLEM = 500  # characters: it may quote the body, and is logged, stored and answered
_LONGEST_TIME = 64
_LONGEST_FINGERPRINT = 64  # Alertmanager's have 16 digits
_GO_ZERO = "0001-01-01T00:00:00Z"  # stands for "no end"
_NEVER = datetime(1, 1, 2, tzinfo=UTC)  # the same in other zones


class _WireAlert(msgspec.Struct, rename="camel", gc=False):
    status: AlertStatus
    labels: dict[str, str]
    starts_at: str
    annotations: dict[str, str] | None = None
    ends_at: str | None = None
    fingerprint: str = ""


class _WireWebhook(msgspec.Struct, rename="camel"):
    alerts: list[_WireAlert]
    truncated_alerts: int = 0


_DECODER = msgspec.json.Decoder(_WireWebhook)


@dataclass(frozen=True, slots=True)
class Webhook:
    """What one webhook says: its alerts, and how many more there were that Alertmanager left out (max_alerts)."""

    alerts: list[Alert]
    left_out: int


def decode(body: bytes, source: SourceName) -> Webhook:
    """Every alert of the body. Raises BadRequestError that says what is wrong and where."""
    try:
        webhook = _DECODER.decode(body)
        return Webhook(
            [_alert(wire, source, place) for place, wire in enumerate(webhook.alerts)],
            left_out=max(0, webhook.truncated_alerts),
        )
    except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError, RecursionError) as problem:
        raise BadRequestError(f"not an Alertmanager webhook: {plain(str(problem), _LONGEST_PROBLEM)}") from problem


def _alert(wire: _WireAlert, source: SourceName, place: int) -> Alert:
    ends_at = None if wire.ends_at is None or wire.ends_at == _GO_ZERO else instant(wire.ends_at, "endsAt", place)
    return Alert(
        source,
        _fingerprint(wire),
        wire.status,
        instant(wire.starts_at, "startsAt", place),
        None if ends_at is None or ends_at < _NEVER else ends_at,
        wire.labels,
        wire.annotations or {},
    )


def _fingerprint(wire: _WireAlert) -> Fingerprint:
    """What the sender says, where that can be one: two that are cut off would be one alert."""
    said = wire.fingerprint
    return (
        Fingerprint(said) if 0 < len(said) <= _LONGEST_FINGERPRINT and said.isprintable() else fingerprint(wire.labels)
    )


def instant(text: str, key: str, place: int) -> datetime:
    """An RFC 3339 time in UTC. Raises ValueError that says where; a time without a zone is nobody's time."""
    if len(text) > _LONGEST_TIME:
        raise ValueError(f"{text[:_LONGEST_TIME]!r}... is no time - at `$.alerts[{place}].{key}`")
    try:
        return _instant(text)
    except (msgspec.ValidationError, ValueError) as problem:
        raise ValueError(f"{problem} - at `$.alerts[{place}].{key}`") from problem


@lru_cache(maxsize=4096)  # the alerts of a group begin together
def _instant(text: str) -> datetime:
    found = msgspec.convert(text, datetime)
    if found.tzinfo is None:
        raise ValueError(f"the time {text} has no zone: end it with Z")
    return found.astimezone(UTC)
