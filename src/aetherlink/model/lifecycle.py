"""The life of an incident: THE table of its states, of what moves it from one to the next, and who may.

Everything that changes an incident's state asks here, so that a move that is not in the table cannot be stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from aetherlink.errors import ConflictError
from aetherlink.model.incidents import Incident, IncidentStatus, Stage


class State(StrEnum):
    """How an incident stands: its status, and what a person did with it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSING = "closing"
    CLOSED = "closed"
    RESOLVED = "resolved"


class Actor(StrEnum):
    """Who moves incidents."""

    ALERT = "an alert"
    SIGHT = "what the agent sees for itself"
    PIPELINE = "the pipeline"
    PERSON = "a person"


class Event(StrEnum):
    """What moves incidents. The values complete the sentence `it cannot be ...`."""

    OPENED = "opened"
    REOPENED = "opened again"
    NOTED = "noted on"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed by hand"
    CLOSED_LATER = "closed by hand as soon as its action has ended"
    SETTLED = "resolved"
    RECOVERED = "resolved by the end of what was seen"


@dataclass(frozen=True, slots=True)
class Transition:
    """What one event does: from which states (None: there was no incident) to which. `meaning` is for people."""

    event: Event
    by: tuple[Actor, ...]
    moves: Mapping[State | None, State]
    meaning: str


_UNSETTLED = (State.OPEN, State.ACKNOWLEDGED)
_OVER = (State.CLOSED, State.RESOLVED)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        Event.OPENED,
        (Actor.ALERT, Actor.SIGHT, Actor.PERSON),
        {None: State.OPEN},
        "An alert fires that no incident stands for, the health score is low, or a person asks for an action.",
    ),
    Transition(
        Event.REOPENED,
        (Actor.ALERT, Actor.SIGHT),
        dict.fromkeys((*_OVER, State.CLOSING), State.OPEN),
        "An alert fires anew a short while after the end, or the agent sees again what had ended. Whoever had "
        "acknowledged it has to look again.",
    ),
    Transition(
        Event.NOTED,
        (Actor.PERSON,),
        {state: state for state in State},
        "A note is added to the timeline; nothing else changes.",
    ),
    Transition(
        Event.ACKNOWLEDGED,
        (Actor.PERSON,),
        {State.OPEN: State.ACKNOWLEDGED},
        "Somebody looks after it. The agent goes on as before.",
    ),
    Transition(
        Event.CLOSED,
        (Actor.PERSON,),
        dict.fromkeys(_UNSETTLED, State.CLOSED),
        "Somebody says that it is over, whatever still fires. Only an alert that fires anew brings it back, "
        "or what the agent sees once more after it had ended.",
    ),
    Transition(
        Event.CLOSED_LATER,
        (Actor.PERSON,),
        dict.fromkeys(_UNSETTLED, State.CLOSING),
        "The same while an action runs: what comes of the action is still recorded, then it is closed.",
    ),
    Transition(
        Event.SETTLED,
        (Actor.PIPELINE,),
        {**dict.fromkeys(_UNSETTLED, State.RESOLVED), State.CLOSING: State.CLOSED},
        "Nothing is wrong any more, or the action has ended that a close by hand waited for.",
    ),
    Transition(
        Event.RECOVERED,
        (Actor.SIGHT,),
        {**dict.fromkeys(_UNSETTLED, State.RESOLVED), State.CLOSING: State.CLOSED},
        "The health score is well again, or the source can be seen.",
    ),
)

_MOVES = {(transition.event, state): to for transition in TRANSITIONS for state, to in transition.moves.items()}


def state_of(incident: Incident) -> State:
    """How the incident stands."""
    is_by_hand = incident.closed_by is not None
    if incident.status is IncidentStatus.RESOLVED:
        return State.CLOSED if is_by_hand else State.RESOLVED
    if is_by_hand:
        return State.CLOSING
    return State.OPEN if incident.acknowledged_at is None else State.ACKNOWLEDGED


def check(incident: Incident, event: Event) -> State:
    """The state that the event leads to. Raises ConflictError for a move that is not in the table."""
    state = state_of(incident)
    to = _MOVES.get((event, state))
    if to is None:
        raise ConflictError(f"incident {incident.id} is {state}: it cannot be {event}")
    return to


def acknowledged(incident: Incident, *, by: str, at: datetime) -> Incident:
    """The incident with somebody who looks after it. Raises ConflictError."""
    check(incident, Event.ACKNOWLEDGED)
    return replace(incident, acknowledged_at=at, acknowledged_by=by, updated_at=at)


def closed(incident: Incident, *, by: str, at: datetime, is_acting: bool) -> Incident:
    """The incident closed by hand; while an action runs it stays open until that has ended. Raises ConflictError."""
    check(incident, Event.CLOSED_LATER if is_acting else Event.CLOSED)
    marked = replace(incident, closed_by=by, updated_at=at)
    return marked if is_acting else _ended(marked, at)


def settled(incident: Incident, *, at: datetime) -> Incident:
    """The incident at its end, as the pipeline sees it. Raises ConflictError."""
    check(incident, Event.SETTLED)
    return _ended(incident, at)


def recovered(incident: Incident, *, at: datetime) -> Incident:
    """The incident at its end, as the agent sees for itself. Raises ConflictError."""
    check(incident, Event.RECOVERED)
    return _ended(incident, at)


def reopened(incident: Incident, *, at: datetime) -> Incident:
    """The incident again, with nobody called for it or looking after it yet. Raises ConflictError.

    What was done about it before is history: it neither excuses nor accuses what fires now.
    """
    check(incident, Event.REOPENED)
    return replace(
        incident,
        status=IncidentStatus.OPEN,
        stage=Stage.PLAN,
        action_id=None,
        resolved_at=None,
        closed_by=None,
        escalated_at=None,
        hands_off=False,
        acknowledged_at=None,
        acknowledged_by=None,
        reopened=incident.reopened + 1,
        wake_at=at,
        updated_at=at,
    )


def given_back(incident: Incident, *, at: datetime) -> Incident:
    """The incident that the agent had given up, for it to plan anew for what fires; its state stays as it is.

    Who was called stays called. The alert that it was planned for counts as not looked at, like all that came after it.
    """
    planned_for = 0 if incident.plan is None else incident.plan.alert_id
    return replace(
        incident,
        stage=Stage.PLAN,
        hands_off=False,
        planned_through=min(incident.planned_through, max(planned_for - 1, 0)),
        wake_at=at,
        updated_at=at,
    )


def _ended(incident: Incident, at: datetime) -> Incident:
    return replace(
        incident,
        status=IncidentStatus.RESOLVED,
        stage=Stage.DONE,
        resolved_at=at,
        updated_at=at,
        wake_at=None,
    )
