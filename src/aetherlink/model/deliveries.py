"""What is told to the outside: one row for each incident and channel, which says how much of the timeline was told.

A digest, one message for many incidents of a storm, is a row of the same kind under an id of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from aetherlink.model.actions import Action
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.ids import ChannelName
from aetherlink.model.incidents import Incident, Severity
from aetherlink.model.timeline import EventKind, StoredEntry

DIGEST_PREFIX = "dig"
"""Begins the id of a digest, where an incident's id stands otherwise."""

LOWEST_PRIORITY = 1000
"""Lower than that of any incident: the priority of a digest, which comes after them."""

KEPT_TRYING = timedelta(days=90)
"""The longest that a channel of the settings may try to tell something before it gives up."""
FARTHEST = timedelta(minutes=10)
"""No timer of a delivery is farther away: one that is was set before the clock was set back, and is due."""


class DeliveryState(StrEnum):
    """`sending`: it was being told when this was stored, so that after a crash nobody knows whether it was."""

    WAITING = "waiting"
    SENDING = "sending"
    TOLD = "told"
    DIGESTED = "digested"
    DEAD = "dead"


class Failure(StrEnum):
    """Why something could not be told; a label of metrics too."""

    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    SERVER = "server"
    UNREACHABLE = "unreachable"
    DEADLINE = "deadline"
    EXPIRED = "expired"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far one channel was told of one incident, or of one digest.

    `wanted` is the sequence of the last timeline entry that is to be told, `told` of the last that was; a digest counts
    its own changes. `began_at` is when it was first to be told of, `since` when the oldest entry that is untold was
    stored. `due_at` is the timer row; None: nothing is to be done. `asks` is the sequence of the last approval request
    that is untold, negative once others were looked for to hear it, 0 when there is none. `is_unsure` says that nobody
    knows whether the last attempt was heard. `reference` is what the other side calls it. `digest` names the digest
    that tells of it instead.
    """

    subject: str
    channel: ChannelName
    priority: int
    state: DeliveryState
    wanted: int
    since: datetime
    began_at: datetime
    told: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    is_unsure: bool = False
    asks: int = 0
    reference: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    failure: str = ""
    problem: str = ""

    @property
    def is_digest(self) -> bool:
        """Whether it is about many incidents."""
        return self.subject.startswith(f"{DIGEST_PREFIX}-")

    @property
    def is_unheard_of(self) -> bool:
        """Whether nobody was told anything of it alone yet, nor may have been."""
        is_new = (self.told == 0 or bool(self.digest)) and self.attempts == 0
        return is_new and not self.reference and not self.is_unsure

    @property
    def is_doubtful(self) -> bool:
        """Whether an attempt may have been heard: who stores it in another state keeps that as `is_unsure`."""
        return self.is_unsure or self.state is DeliveryState.SENDING

    @property
    def is_untold(self) -> bool:
        """Whether anything is left to tell."""
        return self.told < self.wanted


@dataclass(frozen=True, slots=True)
class Letter:
    """What one channel is told of one incident: how it stands now, and what has happened since it was told last.

    `entries` are the untold ones, the oldest first, some of them left out where there are many (`left_out`). `action`
    is the incident's last one, with its approval request where it waits for one. `link` is where a person sees it all,
    `dashboard` where its graphs are; empty where no address is set. `is_unsure`: an earlier attempt may have been
    heard, so look before telling anew.
    """

    incident: Incident
    entries: tuple[StoredEntry, ...]
    action: Action | None
    alerts: tuple[StoredAlert, ...]
    reference: Mapping[str, str]
    at: datetime
    link: str = ""
    left_out: int = 0
    is_unsure: bool = False
    dashboard: str = ""

    @property
    def is_first(self) -> bool:
        """Whether the other side has not heard of the incident, as far as is known."""
        return not self.reference

    def entries_of(self, *kinds: EventKind) -> Iterator[StoredEntry]:
        """The untold entries of these kinds."""
        return (one for one in self.entries if one.entry.kind in kinds)


@dataclass(frozen=True, slots=True)
class Digest:
    """What one channel is told of many incidents of a storm at once; `reference`, `is_unsure` as in a letter.

    `worst` are the most urgent of those that are open, some only.
    """

    id: str
    began_at: datetime
    at: datetime
    incidents: int
    open: int
    by_severity: Mapping[Severity, int]
    worst: Sequence[Incident]
    reference: Mapping[str, str]
    link: str = ""
    is_unsure: bool = False


@dataclass(frozen=True, slots=True)
class DigestCounts:
    """Of the incidents of a digest: how many there are, how many are open, those by severity, the most urgent."""

    incidents: int
    open: int
    by_severity: Mapping[Severity, int]
    worst: Sequence[Incident]


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel stands: how many deliveries by state, and since when the oldest one waits."""

    channel: ChannelName
    by_state: Mapping[DeliveryState, int]
    waiting_since: datetime | None
