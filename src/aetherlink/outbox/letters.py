"""What a delivery tells, put together from what is stored now."""

from datetime import datetime

from aetherlink.errors import NotFoundError
from aetherlink.model.deliveries import Delivery, Digest, Letter
from aetherlink.model.ids import IncidentId
from aetherlink.ports import Transaction

_MOST_ENTRIES = 50
_MOST_ALERTS = 10
_MOST_NAMED = 10


def letter_of(transaction: Transaction, delivery: Delivery, *, at: datetime, link: str) -> Letter:
    """Raises NotFoundError where the incident is gone. `link` is the address of the agent, empty where it has none."""
    incident = transaction.incidents.get(IncidentId(delivery.subject))
    if incident is None:
        raise NotFoundError(f"there is no incident {delivery.subject} any more")
    newest = transaction.incidents.latest_entries(incident.id, limit=_MOST_ENTRIES)
    untold = tuple(one for one in reversed(newest) if delivery.told < one.sequence <= delivery.wanted)
    return Letter(
        incident=incident,
        entries=untold,
        action=None if incident.action_id is None else transaction.actions.get(incident.action_id),
        alerts=tuple(transaction.alerts.of_incident(incident.id, limit=_MOST_ALERTS)),
        reference=delivery.reference,
        at=at,
        link=f"{link}/incidents/{incident.id}" if link else "",
        left_out=max(delivery.wanted - delivery.told - len(untold), 0),
        is_unsure=delivery.is_unsure,
    )


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
