"""A small world of alerts that fire, end and are silenced, and the reports that Alertmanager makes of it."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from aetherlink.intake.decode import decode
from aetherlink.intake.fingerprint import fingerprint
from aetherlink.model.alerts import Alert, AlertStatus, Suppression
from aetherlink.model.ids import Fingerprint, SourceName

SOURCES = (SourceName("eu"), SourceName("us"))
CRM = {"service": "crm", "job": "peakpro_crm", "instance": "crm:8000"}
ALERTS = (
    {"alertname": "CrmApiDown", "severity": "critical", **CRM},
    {"alertname": "CrmHighLatency", "severity": "warning", **CRM},
    {"alertname": "DatabaseSlow", "service": "db", "tenant": "vip-umbrella"},
    {"alertname": "DiskFull", "tenant": "acme-corp"},
    {"alertname": "HealthScoreDegradation", "tenant": "acme-corp"},
    {"alertname": "Watchdog", "severity": "none"},
)
_GO_ZERO = "0001-01-01T00:00:00Z"
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Wire:
    """One alert of a webhook as it is written, and whether its fingerprint is."""

    labels: dict[str, str]
    status: str
    starts_at: datetime
    ends_at: str | None
    has_fingerprint: bool = True
    summary: str = "it is so"

    def as_json(self) -> dict[str, object]:
        """As Alertmanager writes it."""
        wire: dict[str, object] = {
            "status": self.status,
            "labels": self.labels,
            "annotations": {"summary": self.summary},
            "startsAt": self.starts_at.isoformat(),
        }
        if self.ends_at is not None:
            wire["endsAt"] = self.ends_at
        if self.has_fingerprint:
            wire["fingerprint"] = fingerprint(self.labels)
        return wire

    def retold(self) -> "Wire":
        """The same with other annotations, as HA twins and changed rules tell it."""
        return dataclasses.replace(self, summary=f"{self.summary}, as somebody else says")


def body(wires: Sequence[Wire], *, left_out: int = 0) -> bytes:
    """A webhook with these alerts."""
    said = {"version": "4", "truncatedAlerts": left_out, "alerts": [wire.as_json() for wire in wires]}
    return json.dumps(said).encode()


def heard(wires: Sequence[Wire], source: SourceName, *, left_out: int = 0) -> list[Alert]:
    """The alerts of such a webhook as the agent reads them."""
    return decode(body(wires, left_out=left_out), source).alerts


@dataclass
class Source:
    """One Alertmanager's view: what is active since when, what is silenced, when each alert was over last."""

    name: SourceName
    active: dict[int, datetime] = field(default_factory=dict)
    silenced: set[int] = field(default_factory=set)
    over: dict[int, datetime] = field(default_factory=dict)

    def fires(self, which: int, *, at: datetime, **how: bool) -> Wire:
        """The alert fires (anew), or goes on firing."""
        if which not in self.active:
            last = self.over.get(which)
            self.active[which] = at if last is None or at > last else last + _INSTANT
        return Wire(ALERTS[which], "firing", self.active[which], _GO_ZERO, **how)

    def ends(self, which: int, *, now: datetime, ends_at: str | None) -> Wire:
        """It is over now; what is told of the end may be another instant, or none."""
        began = self.active.pop(which)
        told = None if ends_at in (None, _GO_ZERO) else datetime.fromisoformat(ends_at)
        self.over[which] = max(each for each in (now, began, told) if each is not None and each.year < 9000)
        return Wire(ALERTS[which], "resolved", began, ends_at)

    def listed(self, now: datetime) -> list[Alert]:
        """What reconciliation makes of the Alertmanager's list."""
        return [
            replace(
                self._seen(which, now),
                starts_at=began,
                suppressed=Suppression.SILENCED if which in self.silenced else Suppression.NONE,
            )
            for which, began in self.active.items()
        ]

    def gone(self, prints: Sequence[Fingerprint], since: Sequence[datetime], now: datetime) -> list[Alert]:
        """What reconciliation makes of alerts that the list has no more."""
        active = {fingerprint(ALERTS[which]) for which in self.active}
        by_print = {fingerprint(labels): which for which, labels in enumerate(ALERTS)}
        return [
            replace(
                self._seen(by_print[one], now), status=AlertStatus.RESOLVED, starts_at=began, ends_at=now, seen_at=None
            )
            for one, began in zip(prints, since, strict=True)
            if one not in active
        ]

    def _seen(self, which: int, now: datetime) -> Alert:
        labels = ALERTS[which]
        return Alert(self.name, fingerprint(labels), AlertStatus.FIRING, now, None, labels, {}, seen_at=now)
