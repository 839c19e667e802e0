"""An alert as a source reported it, and what is known of its latest episode."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName

TEST_ALERT = "AetherTestAlert"
"""The name of the alert that `aether doctor` sends round: heard, and never anybody's incident."""

OWN_ALERTS = ("AetherAgentDown", "AetherAgentBlind")
"""The alerts about the agent itself: they go past it."""

_HEARD_FOR = timedelta(minutes=15)
_APART = timedelta(minutes=1)


class AlertStatus(StrEnum):
    """What the source says of the alert now."""

    FIRING = "firing"
    RESOLVED = "resolved"


class AlertSeverity(StrEnum):
    """How bad an alert is, as the agent understood its labels; `none` where they say so."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


class Suppression(StrEnum):
    """Why an alert that fires is nobody's incident."""

    NONE = ""
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    HEARTBEAT = "heartbeat"
    TEST = "test"


class Alert(msgspec.Struct, frozen=True, gc=False):
    """One report of one alert of one source; (source, fingerprint, starts_at) names one episode of it.

    Tens of thousands are made a second, and none can be part of a cycle. `seen_at` is the instant at which Alertmanager
    was asked and said that the alert is active; webhooks carry none.
    """

    source: SourceName
    fingerprint: Fingerprint
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    suppressed: Suppression = Suppression.NONE
    seen_at: datetime | None = None

    @property
    def name(self) -> str:
        """The label alertname, or an empty string."""
        return self.labels.get("alertname", "")

    @property
    def since(self) -> datetime:
        """The instant that a later report has to beat: the end of what is over, else the latest sign of life."""
        other = self.ends_at if self.status is AlertStatus.RESOLVED else self.seen_at
        return self.starts_at if other is None or other < self.starts_at else other

    @property
    def order(self) -> tuple[datetime, bool]:
        """What decides between two reports of one fingerprint: the later one, then resolved over firing.

        The greatest of all reports is the state, so repeats, HA twins and late arrivals change nothing, in any order.
        """
        return (self.since, self.status is AlertStatus.RESOLVED)


class Standing(NamedTuple):
    """What is known of the latest episode of one fingerprint: its row, since when, and how it stands."""

    id: int
    since: datetime
    status: AlertStatus
    suppressed: Suppression
    incident_id: IncidentId | None

    @property
    def order(self) -> tuple[datetime, bool]:
        """See Alert.order."""
        return (self.since, self.status is AlertStatus.RESOLVED)


class StoredAlert(NamedTuple):
    """One episode as stored; ids grow with the order in which episodes were first heard of.

    `tenant` and `severity` are what the agent understood of its labels.
    """

    id: int
    alert: Alert
    incident_id: IncidentId | None
    received_at: datetime
    updated_at: datetime
    tenant: str = ""
    severity: str = ""

    @property
    def may_be_acted_on(self) -> bool:
        """Whether it fires, and nobody has silenced it nor anything inhibits it."""
        return self.alert.status is AlertStatus.FIRING and self.alert.suppressed is Suppression.NONE


class LinePlace(NamedTuple):
    """Where an episode stands among those that changed last."""

    updated_at: datetime
    id: int


class AlertLine(NamedTuple):
    """One episode as a long list shows it, without its annotations."""

    id: int
    source: str
    name: str
    tenant: str
    severity: str
    suppressed: str
    starts_at: datetime
    incident_id: str | None
    updated_at: datetime
    labels: Mapping[str, str]

    @property
    def place(self) -> LinePlace:
        """What the next page begins after."""
        return LinePlace(self.updated_at, self.id)


class AlertFilter(NamedTuple):
    """What a list of alerts is narrowed to; None: not narrowed by this."""

    status: AlertStatus | None = None
    source: str | None = None
    name: str | None = None
    tenant: str | None = None
    severity: AlertSeverity | None = None
    incident_id: str | None = None
    suppressed: bool | None = None


class Episode(msgspec.Struct, gc=False):
    """One episode as it is being filed; made and changed inside one transaction only."""

    id: int
    alert: Alert
    status: AlertStatus
    since: datetime
    ends_at: datetime | None
    suppressed: Suppression
    name: str
    tenant: str
    severity: str
    incident_id: IncidentId | None = None

    @property
    def order(self) -> tuple[datetime, bool]:
        """See Alert.order."""
        return (self.since, self.status is AlertStatus.RESOLVED)


def evidence_of(
    alert: StoredAlert | None, settled: datetime | None, now: datetime, *, listed_at: datetime | None = None
) -> Evidence:
    """What an alert alone is evidence of, where `settled` is when the last action on its target ended.

    One that began before may be what that action was about; clocks of sender and agent may be a minute apart. Firing is
    what was heard last: it counts for 15 min, or since an Alertmanager listed it (`listed_at`).
    """
    if alert is None or not alert.may_be_acted_on:
        return Evidence("", EvidenceStatus.DOES_NOT_HOLD, now, "it does not fire any more, or is silenced or inhibited")
    began = alert.alert.starts_at
    since = f"it fires since {began:%Y-%m-%d %H:%M:%S} UTC"
    heard = alert.updated_at if listed_at is None else max(alert.updated_at, listed_at)
    if abs(now - heard) > _HEARD_FOR:
        detail = f"nobody has said since {heard:%Y-%m-%d %H:%M:%S} UTC that it still fires"
        return Evidence("", EvidenceStatus.NO_DATA, now, detail, began)
    if settled is not None and began <= settled + _APART:
        detail = f"{since}, and something was done to its target after that, or within the minute before"
        return Evidence("", EvidenceStatus.NO_DATA, now, detail, began)
    return Evidence("", EvidenceStatus.HOLDS, now, since, began)
