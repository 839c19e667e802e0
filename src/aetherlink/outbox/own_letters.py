"""Letters of the agent about itself, of an incident that is stored nowhere: tests, and what the store cannot take."""

from collections.abc import Mapping
from datetime import datetime

from aetherlink.model.deliveries import Letter
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry


def own_incident(incident_id: str, title: str, *, severity: Severity, at: datetime) -> Incident:
    """An open incident that nobody finds anywhere."""
    return Incident(
        id=IncidentId(incident_id),
        key=incident_id,
        origin=Origin.REQUEST,
        source=SourceName("aetherlink"),
        title=title,
        tenant="",
        service="aetherlink",
        severity=severity,
        vip=False,
        status=IncidentStatus.OPEN,
        stage=Stage.WATCH,
        opened_at=at,
        updated_at=at,
    )


def own_letter(incident: Incident, text: str, *, link: str, reference: Mapping[str, str]) -> Letter:
    """That it is open, or that it is over, with these words."""
    at, is_open = incident.updated_at, incident.status is IncidentStatus.OPEN
    sequence = 1 if is_open else 2
    said = Entry(EventKind.OPENED if is_open else EventKind.RESOLVED, at, text)
    return Letter(incident, (StoredEntry(incident.id, sequence, said, sequence),), None, (), reference, at, link=link)
