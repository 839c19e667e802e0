"""What a delivery tells, put together from what is stored now."""

from collections.abc import Sequence
from datetime import datetime

from aetherlink.errors import NotFoundError
from aetherlink.model.dashboards import Dashboard
from aetherlink.model.deliveries import Delivery, Digest, Letter
from aetherlink.model.ids import IncidentId
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.ports import Transaction

_MOST_ENTRIES = 50
_MOST_ALERTS = 10
_MOST_NAMED = 10
_NEVER_LEFT_OUT = (
    EventKind.ACTION_STARTED,
    EventKind.ACTION_FINISHED,
    EventKind.VERIFIED,
    EventKind.NOT_RECOVERED,
    EventKind.CANNOT_TELL,
    EventKind.UNDONE,
)  # up to _MOST_ENTRIES of each: what was done is a record, and not only news


def letter_of(
    transaction: Transaction, delivery: Delivery, *, at: datetime, link: str, dashboard: Dashboard | None = None
) -> Letter:
    """Raises NotFoundError where the incident is gone. `link` is the address of the agent, empty where it has none."""
    incident = transaction.incidents.get(IncidentId(delivery.subject))
    if incident is None:
        raise NotFoundError(f"there is no incident {delivery.subject} any more")
    untold = _untold(transaction, incident.id, delivery)
    return Letter(
        incident=incident,
        entries=tuple(untold),
        action=None if incident.action_id is None else transaction.actions.get(incident.action_id),
        alerts=tuple(transaction.alerts.of_incident(incident.id, limit=_MOST_ALERTS)),
        reference=delivery.reference,
        at=at,
        link=f"{link}/incidents/{incident.id}" if link else "",
        left_out=max(delivery.wanted - delivery.told - len(untold), 0),
        is_unsure=delivery.is_unsure,
        dashboard="" if dashboard is None else dashboard.link(incident),
    )


def _untold(transaction: Transaction, incident_id: IncidentId, delivery: Delivery) -> Sequence[StoredEntry]:
    """The newest of them, and what was done however long ago that was."""
    rows = transaction.incidents
    found = rows.latest_entries(incident_id, limit=_MOST_ENTRIES)
    if found and found[-1].sequence > delivery.told + 1:
        done = [rows.latest_entries(incident_id, limit=_MOST_ENTRIES, kind=kind) for kind in _NEVER_LEFT_OUT]
        found = [*found, *(one for of_kind in done for one in of_kind)]
    untold = {one.sequence: one for one in found if delivery.told < one.sequence <= delivery.wanted}
    return [untold[sequence] for sequence in sorted(untold)]


def digest_of(transaction: Transaction, delivery: Delivery, *, at: datetime, link: str) -> Digest:
    """As `letter_of`, of a digest."""
    counts = transaction.deliveries.digest_counts(delivery.subject, delivery.channel, most=_MOST_NAMED)
    return Digest(
        id=delivery.subject,
        began_at=delivery.began_at,
        at=at,
        incidents=counts.incidents,
        open=counts.open,
        by_severity=counts.by_severity,
        worst=counts.worst,
        reference=delivery.reference,
        link=link,
        is_unsure=delivery.is_unsure,
    )
