"""Silences that the agent itself has set in an Alertmanager, for the time of an action."""

from dataclasses import dataclass
from datetime import datetime

from aetherlink.model.ids import ActionId, SourceName


@dataclass(frozen=True, slots=True)
class OwnSilence:
    """One silence, by the id that the Alertmanager at this address gave it."""

    id: str
    source: SourceName
    alertmanager: str
    action_id: ActionId
    ends_at: datetime
