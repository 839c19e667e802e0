"""The table of transitions: complete, and the only way from one state to another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.errors import ConflictError
from aetherlink.model import lifecycle
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.lifecycle import TRANSITIONS, Event, State, state_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
OPEN = Incident(
    id=IncidentId("inc-1"),
    key="k",
    origin=Origin.ALERT,
    source=SourceName("lab"),
    title="t",
    tenant="",
    service="",
    severity=Severity.WARNING,
    vip=False,
    status=IncidentStatus.OPEN,
    stage=Stage.ACT,
    opened_at=NOW,
    updated_at=NOW,
    wake_at=NOW,
)
INCIDENTS = {
    State.OPEN: OPEN,
    State.ACKNOWLEDGED: lifecycle.acknowledged(OPEN, by="ann", at=NOW),
    State.CLOSING: lifecycle.closed(OPEN, by="ann", at=NOW, is_acting=True),
    State.CLOSED: lifecycle.closed(OPEN, by="ann", at=NOW, is_acting=False),
    State.RESOLVED: lifecycle.settled(OPEN, at=NOW),
}
CHANGES: dict[Event, Callable[[Incident], Incident]] = {
    Event.ACKNOWLEDGED: lambda incident: lifecycle.acknowledged(incident, by="bob", at=LATER),
    Event.CLOSED: lambda incident: lifecycle.closed(incident, by="bob", at=LATER, is_acting=False),
    Event.CLOSED_LATER: lambda incident: lifecycle.closed(incident, by="bob", at=LATER, is_acting=True),
    Event.SETTLED: lambda incident: lifecycle.settled(incident, at=LATER),
    Event.RECOVERED: lambda incident: lifecycle.recovered(incident, at=LATER),
    Event.REOPENED: lambda incident: lifecycle.reopened(incident, at=LATER),
}


@pytest.mark.parametrize("state", State)
def test_each_state_is_told_from_the_others(state: State) -> None:
    assert state_of(INCIDENTS[state]) is state


@pytest.mark.parametrize("event", CHANGES)
@pytest.mark.parametrize("state", State)
def test_a_change_does_what_the_table_says_or_nothing(state: State, event: Event) -> None:
    moves = next(transition.moves for transition in TRANSITIONS if transition.event is event)
    if state in moves:
        assert state_of(CHANGES[event](INCIDENTS[state])) is moves[state]
    else:
        with pytest.raises(ConflictError, match=f"incident inc-1 is {state}: it cannot be {event}"):
            CHANGES[event](INCIDENTS[state])


def test_every_event_stands_in_the_table_once_and_somebody_causes_it() -> None:
    assert [transition.event for transition in TRANSITIONS] == list(Event)
    assert all(transition.by and transition.moves and transition.meaning for transition in TRANSITIONS)


def test_every_state_can_be_reached_and_left() -> None:
    moves = [move for transition in TRANSITIONS for move in transition.moves.items() if move[0] is not move[1]]
    assert {to for _, to in moves} == set(State)
    assert {start for start, _ in moves} == {None, *State}


@pytest.mark.parametrize("state", [State.CLOSED, State.RESOLVED])
def test_what_is_over_wakes_nobody(state: State) -> None:
    over = INCIDENTS[state]
    assert (over.status, over.stage, over.wake_at, over.resolved_at) == (
        IncidentStatus.RESOLVED,
        Stage.DONE,
        None,
        NOW,
    )


def test_what_waits_for_its_action_goes_on() -> None:
    closing = INCIDENTS[State.CLOSING]
    assert (closing.status, closing.stage, closing.wake_at) == (IncidentStatus.OPEN, Stage.ACT, NOW)


def test_reopening_forgets_who_looked_after_it_and_what_the_agent_gave_up() -> None:
    given_up = replace(INCIDENTS[State.ACKNOWLEDGED], escalated_at=NOW, hands_off=True)
    over = lifecycle.closed(given_up, by="ann", at=NOW, is_acting=False)
    again = lifecycle.reopened(over, at=LATER)
    assert again == replace(OPEN, stage=Stage.PLAN, reopened=1, wake_at=LATER, updated_at=LATER)
