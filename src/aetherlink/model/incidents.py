"""An incident: what is broken, for whom, how far its repair has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from aetherlink.model.actions import Plan
from aetherlink.model.ids import ActionId, IncidentId, SourceName


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Origin(StrEnum):
    """What opened the incident."""

    ALERT = "alert"
    HEALTH = "health"
    REQUEST = "request"


class IncidentStatus(StrEnum):
    """Whether anything is still wrong."""

    OPEN = "open"
    RESOLVED = "resolved"


class Stage(StrEnum):
    """The stage that the pipeline runs next for the incident."""

    PLAN = "plan"
    DECIDE = "decide"
    APPROVE = "approve"
    ACT = "act"
    VERIFY = "verify"
    UNDO = "undo"
    WATCH = "watch"
    DONE = "done"


def priority_of(severity: Severity, *, vip: bool) -> int:
    """How urgent it is, 0 the most: whatever concerns a VIP tenant comes before all else."""
    return severity.rank + (0 if vip else len(_RANKS))


def severity_at(priority: int) -> Severity:
    """What an incident of this priority has."""
    return list(Severity)[priority % len(_RANKS)]


class Due(NamedTuple):
    """An open incident whose timer is due, with its priority."""

    id: IncidentId
    priority: int

    @property
    def is_vip(self) -> bool:
        """Whether its tenant comes first."""
        return self.priority < len(_RANKS)


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as stored.

    `key` is its identity while it is open: what is broken, not which alert said so. `labels` are those of the alert
    that opened it; `firing` counts its alerts that fire. `is_symptom` says that nothing but symptoms was heard so far:
    the cause may take the incident over. `planned_through` is the id of the last of its alerts that was looked at for
    a playbook. `verified_since` is since when the verifying query has held without a break. `wake_at` is the timer row:
    when the pipeline looks again although nothing woke it. `version` grows with every change, so that a stale writer is
    noticed. `escalated_at` is when a person was called last, `hands_off` that a repair failed and the agent tries no
    other by itself. `fires` holds the last instants at which an alert of it fired anew; while `flapping_until` lies
    ahead it flaps: that holds back automation, never what is shown. `closed_by` names the person who closed it by hand.
    """

    id: IncidentId
    key: str
    origin: Origin
    source: SourceName
    title: str
    tenant: str
    service: str
    severity: Severity
    vip: bool
    status: IncidentStatus
    stage: Stage
    opened_at: datetime
    updated_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    plan: Plan | None = None
    planned_through: int = 0
    action_id: ActionId | None = None
    verified_since: datetime | None = None
    resolved_at: datetime | None = None
    wake_at: datetime | None = None
    escalated_at: datetime | None = None
    hands_off: bool = False
    firing: int = 0
    is_symptom: bool = False
    reopened: int = 0
    fires: tuple[datetime, ...] = ()
    flapping_until: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_by: str | None = None
    version: int = 0

    @property
    def escalated(self) -> bool:
        """Whether a person has been called."""
        return self.escalated_at is not None

    def flaps(self, now: datetime) -> bool:
        """Whether it flaps at this instant."""
        return self.flapping_until is not None and now < self.flapping_until

    @property
    def priority(self) -> int:
        """0 is the most urgent: VIP tenants first, then by severity."""
        return priority_of(self.severity, vip=self.vip)


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """What a list of incidents is narrowed to; None: not narrowed by this."""

    status: IncidentStatus | None = None
    severity: Severity | None = None
    source: str | None = None
    tenant: str | None = None
    service: str | None = None
    vip: bool | None = None
    origin: Origin | None = None


class IncidentHead(msgspec.Struct, gc=False):
    """What filing alerts needs of an incident, and may change; made and changed inside one transaction only.

    `entries` counts those of its timeline, `head` is the hash of the last one. `is_recast` says that its identity or
    its priority was changed too, `is_rewoken` that its timer was.
    """

    id: IncidentId
    key: str
    origin: Origin
    source: SourceName
    tenant: str
    service: str
    title: str
    severity: Severity
    vip: bool
    status: IncidentStatus
    stage: Stage
    firing: int
    is_symptom: bool
    reopened: int
    fires: tuple[datetime, ...]
    flapping_until: datetime | None
    planned_through: int
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    wake_at: datetime | None
    version: int
    entries: int = 0
    head: str = ""
    is_recast: bool = False
    is_rewoken: bool = False

    @property
    def priority(self) -> int:
        """See Incident.priority."""
        return priority_of(self.severity, vip=self.vip)
