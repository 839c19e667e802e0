"""Reads what an Alertmanager lists (GET /api/v2/alerts) and says of itself (GET /api/v2/status). No I/O.

All of it comes from outside: one alert that is not as it should be makes the whole list unusable, for what is absent
from a list matters as much as what is in it. A list may be large, so labels stay as they came until somebody asks.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON
from aetherlink.errors import AnswerError
from aetherlink.model.alerts import Suppression
from aetherlink.model.ids import Fingerprint

_UNREADABLE = (*UNREADABLE_JSON, ValueError, OverflowError)
_Fingerprint = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Labels = dict[str, str]


class _Status(msgspec.Struct, rename="camel", gc=False):
    state: Literal["active", "suppressed", "unprocessed"]
    silenced_by: list[str] = []
    inhibited_by: list[str] = []


class _Receiver(msgspec.Struct, gc=False):
    name: str


class _Key(msgspec.Struct, gc=False):
    fingerprint: str


class _WireAlert(msgspec.Struct, rename="camel", gc=False):
    """The keys that are read."""

    fingerprint: _Fingerprint
    labels: msgspec.Raw
    annotations: msgspec.Raw
    starts_at: datetime
    ends_at: datetime
    status: _Status
    receivers: list[_Receiver]


class _Cluster(msgspec.Struct):
    status: str


class _WireStatus(msgspec.Struct):
    uptime: datetime
    cluster: _Cluster


class _SilenceState(msgspec.Struct):
    state: str


class _WireSilence(msgspec.Struct):
    status: _SilenceState


class _NewSilence(msgspec.Struct):
    silenceID: str  # noqa: N815 - its name there


# Whole lists are decoded in two ways only, both quick: the interpreter's lock is held for as long as one call takes.
_KEYS = msgspec.json.Decoder(list[_Key])
_SLICES = msgspec.json.Decoder(list[msgspec.Raw])
_ALERT = msgspec.json.Decoder(_WireAlert)
_LABELS = msgspec.json.Decoder(_Labels)
_STATUS = msgspec.json.Decoder(_WireStatus)
_RECEIVERS = msgspec.json.Decoder(list[_Receiver])
_SILENCE = msgspec.json.Decoder(_WireSilence)
_NEW_SILENCE = msgspec.json.Decoder(_NewSilence)


class ListedAlert(msgspec.Struct, frozen=True, gc=False):
    """One alert that an Alertmanager holds as active. `ends_at` is when it lets go of it unless it hears more."""

    fingerprint: Fingerprint
    name: str
    starts_at: datetime
    ends_at: datetime
    suppressed: Suppression
    raw_labels: msgspec.Raw
    raw_annotations: msgspec.Raw

    @property
    def labels(self) -> _Labels:
        """Its labels."""
        return _LABELS.decode(self.raw_labels)

    @property
    def annotations(self) -> _Labels:
        """Its annotations."""
        return _LABELS.decode(self.raw_annotations)


class AlertmanagerState(msgspec.Struct, frozen=True):
    """How long it has been up, by its own clock, and whether its cluster has found together (or is none)."""

    up_for: timedelta
    is_settled: bool


def read_alerts(
    body: bytes, *, receiver: str | None, most: int, own_silences: Collection[str] = ()
) -> dict[Fingerprint, ListedAlert]:
    """Every alert that goes to this receiver (to any when None). Raises AnswerError when the list cannot be used.

    May take long for a large list, in steps between which other threads get their turn.
    """
    try:
        count = len(_KEYS.decode(body))  # first, for it ends at the first thing that is no alert
        if count > most:
            raise AnswerError(f"it lists {count} alerts, more than {most} (reconcile.max_alerts)")
        wires = map(_ALERT.decode, _SLICES.decode(body))
        listed = [_listed(wire, own_silences) for wire in wires if _goes_to(wire.receivers, receiver)]
    except _UNREADABLE as problem:
        raise AnswerError(f"its list of alerts cannot be read: {str(problem)[:300]}") from problem
    return {alert.fingerprint: alert for alert in listed}


def read_state(body: bytes, *, date: str, now: datetime) -> AlertmanagerState:
    """Its state; `date` is its own time as HTTP wrote it, else ours counts. Raises AnswerError."""
    try:
        status = _STATUS.decode(body)
        its_now = parsedate_to_datetime(date) if date else now
        up_for = _aware(its_now) - _aware(status.uptime)
    except _UNREADABLE as problem:
        raise AnswerError(f"its status cannot be read: {str(problem)[:300]}") from problem
    return AlertmanagerState(up_for, is_settled=status.cluster.status in ("ready", "disabled"))


def read_receivers(body: bytes) -> list[str]:
    """The names of its receivers. Raises AnswerError."""
    try:
        return [receiver.name for receiver in _RECEIVERS.decode(body)]
    except _UNREADABLE as problem:
        raise AnswerError(f"its receivers cannot be read: {str(problem)[:300]}") from problem


def read_silence_id(body: bytes) -> str:
    """The id of a silence that was just set. Raises AnswerError."""
    try:
        return _NEW_SILENCE.decode(body).silenceID
    except _UNREADABLE as problem:
        raise AnswerError(f"its answer names no silence: {str(problem)[:300]}") from problem


def is_expired(body: bytes) -> bool:
    """Whether this silence has ended; one that cannot be read has not, for all that is known."""
    try:
        return _SILENCE.decode(body).status.state == "expired"
    except _UNREADABLE:
        return False


def _goes_to(receivers: Iterable[_Receiver], name: str | None) -> bool:
    return name is None or any(receiver.name == name for receiver in receivers)


def _listed(wire: _WireAlert, own_silences: Collection[str]) -> ListedAlert:
    _LABELS.decode(wire.annotations)  # only to see that they are what they should be
    return ListedAlert(
        fingerprint=Fingerprint(wire.fingerprint),
        name=_LABELS.decode(wire.labels).get("alertname", ""),
        starts_at=_aware(wire.starts_at),
        ends_at=_aware(wire.ends_at),
        suppressed=_suppression(wire.status, own_silences),
        raw_labels=wire.labels,
        raw_annotations=wire.annotations,
    )


def _suppression(status: _Status, own_silences: Collection[str]) -> Suppression:
    """Suppressed in a way that is not told counts as silenced: somebody did not want it acted upon."""
    if any(each not in own_silences for each in status.silenced_by):
        return Suppression.SILENCED
    if status.inhibited_by:
        return Suppression.INHIBITED
    is_told = bool(status.silenced_by)  # by our own silences only
    return Suppression.SILENCED if status.state == "suppressed" and not is_told else Suppression.NONE


def _aware(instant: datetime) -> datetime:
    """In UTC; a time without a zone is refused, for nobody can tell when it was."""
    if instant.tzinfo is None:
        raise ValueError(f"the time {instant.isoformat()} has no zone")
    return instant.astimezone(UTC)
