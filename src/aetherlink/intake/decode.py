"""Decodes Alertmanager's webhook (version 4, and Grafana's superset) into alerts. Only the needed keys are read."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from aetherlink.errors import BadRequestError
from aetherlink.intake.fingerprint import fingerprint
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, SourceName

_LONGEST_PROBLEM = 500  # characters: it may quote the body, and is logged, stored and answered
_NEVER = datetime(1, 1, 2, tzinfo=UTC)  # Go's zero time stands for "no end"


class _WireAlert(msgspec.Struct, rename="camel"):
    status: AlertStatus
    labels: dict[str, str]
    starts_at: datetime
    annotations: dict[str, str] = {}
    ends_at: datetime | None = None
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
        return Webhook([_alert(wire, source) for wire in webhook.alerts], left_out=max(0, webhook.truncated_alerts))
    except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError) as problem:
        raise BadRequestError(f"not an Alertmanager webhook: {str(problem)[:_LONGEST_PROBLEM]}") from problem


def _alert(wire: _WireAlert, source: SourceName) -> Alert:
    return Alert(
        source=source,
        fingerprint=Fingerprint(wire.fingerprint) if wire.fingerprint else fingerprint(wire.labels),
        status=wire.status,
        starts_at=_aware(wire.starts_at),
        ends_at=None if wire.ends_at is None or _aware(wire.ends_at) < _NEVER else _aware(wire.ends_at),
        labels=wire.labels,
        annotations=wire.annotations,
    )


def _aware(instant: datetime) -> datetime:
    """In UTC; a time without a zone is refused, for nobody can tell when it was."""
    if instant.tzinfo is None:
        raise ValueError(f"the time {instant.isoformat()} has no zone: end it with Z")
    return instant.astimezone(UTC)
