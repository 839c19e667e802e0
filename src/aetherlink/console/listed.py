"""An incident as a row of a list: with its latest action, or with what was said of it last."""

from dataclasses import dataclass

from aetherlink.model.actions import Action
from aetherlink.model.incidents import Incident
from aetherlink.model.timeline import StoredEntry
from aetherlink.ports import Transaction


@dataclass(frozen=True, slots=True)
class Listed:
    """The row. `last` is there where no action is."""

    incident: Incident
    action: Action | None
    last: StoredEntry | None


def listed(rows: Transaction, incident: Incident) -> Listed:
    """The incident with what stands beside it."""
    action = None if incident.action_id is None else rows.actions.get(incident.action_id)
    if action is not None:
        return Listed(incident, action, None)
    last = rows.incidents.latest_entries(incident.id, limit=1)
    return Listed(incident, None, last[0] if last else None)
