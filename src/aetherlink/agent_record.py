"""What people do with the agent itself, in timelines of its own: hash-chained, anchored and kept like all others.

A timeline belongs to an incident. These incidents are over when they begin: nobody is called for them, nothing is
planned for them. All of one subject have the same key; a new one begins when the latest was begun a day ago, so that
retention can take old words away.
"""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry
from aetherlink.ports import Ids, Transaction

_PREFIX = "agent:"
SPAN = timedelta(days=1)
"""How long one incident is written to."""


class Subject(StrEnum):
    """What of the agent is written about."""

    BRAKES = "brakes"
    MESSAGES = "messages"
    PAUSES = "pauses"
    PLAYBOOKS = "playbooks"
    SIGN_INS = "sign-ins"

    @property
    def key(self) -> str:
        """The key of its incidents."""
        return f"{_PREFIX}{self}"

    @property
    def heading(self) -> str:
        """The title of its incidents, for people."""
        return f"{self.capitalize()} of the agent"


def is_record(incident: Incident) -> bool:
    """Whether it is one of these, of which nobody is told."""
    return incident.key.startswith(_PREFIX)


class AgentRecord:
    """Writes these timelines. `source` is where their incidents are filed: the first source of the settings."""

    def __init__(self, *, ids: Ids, source: SourceName) -> None:
        self._ids = ids
        self._source = source

    def enter(self, transaction: Transaction, subject: Subject, entry: Entry) -> IncidentId:
        """Append the entry, in the caller's transaction. Returns the incident that it went to."""
        latest = transaction.incidents.latest_by_key(subject.key)
        if latest is None or entry.at - latest.opened_at >= SPAN:
            begun = self._begun(subject, entry)
            transaction.incidents.insert(begun, [entry])
            return begun.id
        transaction.incidents.update(replace(latest, updated_at=entry.at, resolved_at=entry.at), [entry])
        return latest.id

    def _begun(self, subject: Subject, entry: Entry) -> Incident:
        return Incident(
            id=IncidentId(self._ids.new("inc")),
            key=subject.key,
            origin=Origin.REQUEST,
            source=self._source,
            title=subject.heading,
            tenant="",
            service="",
            severity=Severity.INFO,
            vip=False,
            status=IncidentStatus.RESOLVED,
            stage=Stage.DONE,
            opened_at=entry.at,
            updated_at=entry.at,
            resolved_at=entry.at,
        )
