"""An incident: what is broken, for whom, how far its repair has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
        return list(Severity).index(self)


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
    ACT = "act"
    VERIFY = "verify"
    WATCH = "watch"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as stored.

    `key` is its identity while it is open: what is broken, not which alert said so. `labels` are those of the alert
    that opened it. `considered` names the episodes of its alerts that were looked at for a playbook. `verified_since`
    is since when the verifying query has held without a break. `wake_at` is the timer row: when the pipeline looks
    again although nothing woke it. `version` grows with every change, so that a stale writer is noticed. `escalated_at`
    is when a person was called last, `hands_off` that a repair failed and the agent tries no other by itself.
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
    considered: tuple[str, ...] = ()
    action_id: ActionId | None = None
    verified_since: datetime | None = None
    resolved_at: datetime | None = None
    wake_at: datetime | None = None
    escalated_at: datetime | None = None
    hands_off: bool = False
    version: int = 0

    @property
    def escalated(self) -> bool:
        """Whether a person has been called."""
        return self.escalated_at is not None

    @property
    def priority(self) -> int:
        """0 is the most urgent: VIP tenants first, then by severity."""
        return self.severity.rank + (0 if self.vip else len(Severity))
