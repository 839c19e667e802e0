"""An alert as a source reported it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aetherlink.model.ids import Fingerprint, SourceName


class AlertStatus(StrEnum):
    """What the source says of the alert now."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one source; (source, fingerprint, starts_at) names one episode of it."""

    source: SourceName
    fingerprint: Fingerprint
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def name(self) -> str:
        """The label alertname, or an empty string."""
        return self.labels.get("alertname", "")

    @property
    def episode(self) -> str:
        """What tells one firing of the alert from the next, within its source."""
        return f"{self.fingerprint}@{self.starts_at.isoformat()}"

    @property
    def order(self) -> tuple[datetime, bool]:
        """What decides between two reports of one fingerprint: the later start, then resolved over firing."""
        return (self.starts_at, self.status is AlertStatus.RESOLVED)
