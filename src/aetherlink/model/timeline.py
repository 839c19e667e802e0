"""The timeline of an incident: what happened, when, and the facts of it. Append-only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aetherlink.model.ids import IncidentId


class EventKind(StrEnum):
    """Everything that a timeline can say."""

    OPENED = "opened"
    ALERTS = "alerts"
    PLANNED = "planned"
    DECIDED = "decided"
    APPROVAL_ASKED = "approval_asked"
    APPROVED = "approved"
    NOT_APPROVED = "not_approved"
    DENIED = "denied"
    EXPIRED = "expired"
    DRIFTED = "drifted"
    ACTION_STARTED = "action_started"
    ACTION_FINISHED = "action_finished"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    NOT_RECOVERED = "not_recovered"
    CANNOT_TELL = "cannot_tell"
    UNDONE = "undone"
    BRAKED = "braked"
    RELEASED = "released"
    WRONG = "wrong"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    MERGED = "merged"
    FLAPPING = "flapping"
    SUPPRESSED = "suppressed"
    ACKNOWLEDGED = "acknowledged"
    NOTE = "note"
    CLOSED = "closed"
    PAUSED = "paused"
    RESUMED = "resumed"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline: `text` for people, `facts` (JSON values only) for machines."""

    kind: EventKind
    at: datetime
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)


WHO_FACTS = ("by", "resumed_by")
"""The keys of Entry.facts that name who did it."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its place: `sequence` counts from 1 within the incident, `number` over all of them.

    `hash` chains it to the entry before it in the same incident.
    """

    incident_id: IncidentId
    sequence: int
    entry: Entry
    number: int = 0
    hash: str = ""
