"""How far an incident has come, as a row of steps that is the same for all of them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from aetherlink.model.actions import Action
from aetherlink.model.incidents import Incident, IncidentStatus, Stage


class Standing(StrEnum):
    """How a step stands: behind us, under way, not gone this time, or still to come."""

    DONE = "done"
    NOW = "now"
    SKIPPED = "skipped"
    AHEAD = "ahead"


class Step(NamedTuple):
    """One step in words."""

    name: str
    standing: Standing


NAMES: Sequence[str] = ("heard", "planned", "decided", "approved", "acting", "verifying", "done")
_PLANNED, _DECIDED, _APPROVED, _ACTING, _VERIFYING, _END = range(1, len(NAMES))
_UNDER_WAY = {_PLANNED: "planning", _DECIDED: "deciding", _APPROVED: "waits for a yes", _END: "watching"}
_AT = {
    Stage.PLAN: _PLANNED,
    Stage.DECIDE: _DECIDED,
    Stage.APPROVE: _APPROVED,
    Stage.ACT: _ACTING,
    Stage.VERIFY: _VERIFYING,
    Stage.UNDO: _VERIFYING,
    Stage.WATCH: _END,
    Stage.DONE: _END,
}


def steps_of(incident: Incident, action: Action | None) -> Sequence[Step]:
    """The steps in their order. `action` is the incident's latest, if any."""
    is_over = incident.status is IncidentStatus.RESOLVED
    at = len(NAMES) if is_over else _AT[incident.stage]
    standings = [_standing(place, at, action) for place in range(len(NAMES))]
    return [Step(_name(place, standing), standing) for place, standing in enumerate(standings)]


def _name(place: int, standing: Standing) -> str:
    return _UNDER_WAY.get(place, NAMES[place]) if standing is Standing.NOW else NAMES[place]


def _standing(place: int, at: int, action: Action | None) -> Standing:
    if place == at:
        return Standing.NOW
    if place > at:
        return Standing.AHEAD
    return Standing.DONE if _was_gone(place, action) else Standing.SKIPPED


def _was_gone(place: int, action: Action | None) -> bool:
    """Whether a step that is behind us was gone at all."""
    match place:
        case 1 | 2:
            return action is not None
        case 3:
            return action is not None and action.approval is not None and action.approval.is_complete
        case 4:
            return action is not None and action.started_at is not None
        case 5:
            return action is not None and action.verdict is not None
        case _:
            return True
