"""Notes, acknowledging and closing by hand, while alerts fire and while the pipeline works."""

import asyncio
from datetime import timedelta

import pytest

from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.incident_commands import IncidentCommands
from aetherlink.lib.given_words import LONGEST_TEXT
from aetherlink.model.actions import ActionState, Outcome, OutcomeStatus, Target, Wish
from aetherlink.model.alerts import AlertStatus
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident
from aetherlink.model.lifecycle import State, state_of
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import record
from aetherlink.pipeline.step import Step, Taken, Wait
from aetherlink.testing import MemoryExecutor
from rigs.pipeline import NoWaker, Rig


@pytest.fixture
def hand(rig: Rig) -> IncidentCommands:
    return IncidentCommands(rig.store, clock=rig.clock, waker=NoWaker())


async def close(rig: Rig, hand: IncidentCommands) -> Incident:
    return await hand.close((await rig.incident()).id, reason="it is handled", by="ann")


async def state(rig: Rig) -> State:
    return state_of(await rig.incident())


async def entries(rig: Rig, kind: EventKind) -> list[Entry]:
    incident = await rig.incident()
    found = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    return [stored.entry for stored in found if stored.entry.kind is kind]


class Interrupted(MemoryExecutor):
    """Somebody closes the incident while the executor works; perhaps the agent dies after that."""

    def __init__(self, rig: Rig, hand: IncidentCommands, *, dies: bool = False) -> None:
        super().__init__(rig.clock, list(rig.executor.world))
        self._rig = rig
        self._hand = hand
        self._dies = dies
        self.seen: Incident | None = None

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        outcome = await super().converge(target, wish, deadline=deadline)
        self.seen = await close(self._rig, self._hand)
        if self._dies:
            raise asyncio.CancelledError
        return outcome


async def test_an_acknowledged_incident_tells_who_looks_after_it(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    incident = await rig.incident()
    rig.clock.move(5)
    first = await hand.acknowledge(incident.id, by="ann")
    rig.clock.move(5)
    second = await hand.acknowledge(incident.id, by="bob")

    assert second == first == await rig.incident()
    assert (first.acknowledged_by, first.acknowledged_at) == ("ann", rig.clock.now() - timedelta(seconds=5))
    [entry] = await entries(rig, EventKind.ACKNOWLEDGED)
    assert (entry.text, entry.facts) == ("ann looks after it", {"by": "ann"})


async def test_the_agent_goes_on_with_an_acknowledged_incident(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    await hand.acknowledge((await rig.incident()).id, by="ann")
    await rig.run_for(60)
    [action] = await rig.actions()
    assert action.state is ActionState.FINISHED
    await rig.hear(firing=False)
    await rig.run()
    assert await state(rig) is State.RESOLVED


async def test_a_note_is_an_entry_in_every_state(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    incident = await rig.incident()
    await hand.add_note(incident.id, " one ", by="ann")
    await close(rig, hand)
    await hand.add_note(incident.id, "two", by="bob")
    notes = await entries(rig, EventKind.NOTE)
    assert [(note.text, note.facts["by"]) for note in notes] == [("one", "ann"), ("two", "bob")]


async def test_a_note_under_a_key_is_added_once(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    incident = await rig.incident()
    for _ in range(2):
        await hand.add_note(incident.id, "one", by="ann", idempotency_key="k")
    await hand.add_note(incident.id, "one", by="bob", idempotency_key="k")
    with pytest.raises(ConflictError, match="belongs to another note"):
        await hand.add_note(incident.id, "two", by="ann", idempotency_key="k")
    assert [note.facts["by"] for note in await entries(rig, EventKind.NOTE)] == ["ann", "bob"]


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_TEXT + 1), "a\0b"])
async def test_what_is_no_text_is_refused(rig: Rig, hand: IncidentCommands, text: str) -> None:
    await rig.hear()
    incident = await rig.incident()
    with pytest.raises(BadRequestError):
        await hand.add_note(incident.id, text, by="ann")
    with pytest.raises(BadRequestError):
        await hand.close(incident.id, reason=text, by="ann")
    assert (await rig.incident()).version == incident.version


async def test_an_incident_that_is_not_there_is_said(hand: IncidentCommands) -> None:
    gone = IncidentId("inc-none")
    asking = [hand.add_note(gone, "x", by="a"), hand.acknowledge(gone, by="a"), hand.close(gone, reason="x", by="a")]
    for asked in asking:
        with pytest.raises(NotFoundError, match="no incident 'inc-none'"):
            await asked


async def test_what_is_over_cannot_be_acknowledged_or_closed(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    await rig.hear(firing=False)
    await rig.run()
    incident = await rig.incident()
    with pytest.raises(ConflictError, match="is resolved: it cannot be acknowledged"):
        await hand.acknowledge(incident.id, by="ann")
    with pytest.raises(ConflictError, match="is resolved: it cannot be closed by hand"):
        await close(rig, hand)


async def test_closing_leaves_the_alerts_as_they_are_and_repeats_bring_nothing_back(
    rig: Rig, hand: IncidentCommands
) -> None:
    await rig.hear()
    closed = await close(rig, hand)
    again = await close(rig, hand)
    assert again == closed == await rig.incident()
    assert (await state(rig), closed.closed_by, closed.firing) == (State.CLOSED, "ann", 1)
    await rig.hear(minutes=0)
    await rig.run_for(600)

    [alert] = await rig.store.read(lambda tx: tx.alerts.of_incident(closed.id, limit=9))
    assert alert.alert.status is AlertStatus.FIRING
    assert await state(rig) is State.CLOSED
    assert await rig.actions() == []
    [entry] = await entries(rig, EventKind.CLOSED)
    assert entry.text == "closed by ann: it is handled"


async def test_an_alert_that_fires_anew_brings_it_back_and_what_fired_before_is_not_counted_twice(
    rig: Rig, hand: IncidentCommands
) -> None:
    await rig.hear("CrmSlow")
    await rig.hear("CrmErrors")
    await hand.acknowledge((await rig.incident()).id, by="ann")
    await close(rig, hand)
    rig.clock.move(10)
    await rig.hear("CrmSlow", firing=False)
    await rig.hear("CrmErrors", firing=False)
    assert (await state(rig), (await rig.incident()).firing) == (State.CLOSED, 0)
    rig.clock.move(10)
    await rig.hear("CrmSlow")

    back = await rig.incident()
    assert (state_of(back), back.firing, back.reopened, back.acknowledged_by) == (State.OPEN, 1, 1, None)
    await rig.hear("CrmSlow", firing=False, minutes=1)
    await rig.run_for(120)
    assert await state(rig) is State.RESOLVED


async def test_an_action_that_runs_is_recorded_before_the_incident_is_closed(rig: Rig, hand: IncidentCommands) -> None:
    executor = Interrupted(rig, hand)
    rig.change(executors={"memory": executor})
    await rig.hear()
    await rig.run_for(60)

    assert executor.seen is not None
    assert state_of(executor.seen) is State.CLOSING
    [action] = await rig.actions()
    assert action.state is ActionState.FINISHED
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.DONE
    assert await state(rig) is State.CLOSED
    assert (await rig.kinds())[-3:] == [EventKind.ACTION_STARTED, EventKind.CLOSED, EventKind.ACTION_FINISHED]


async def test_after_a_crash_what_came_of_the_action_is_looked_up_and_then_it_is_closed(
    rig: Rig, hand: IncidentCommands
) -> None:
    executor = Interrupted(rig, hand, dies=True)
    rig.change(executors={"memory": executor})
    await rig.hear()
    with pytest.raises(asyncio.CancelledError):
        await rig.run_for(60)
    assert await state(rig) is State.CLOSING

    await rig.run_for(60)
    [action] = await rig.actions()
    assert (action.state, len(executor.calls)) == (ActionState.FINISHED, 1)
    assert await state(rig) is State.CLOSED


async def test_an_alert_that_fires_anew_while_it_is_being_closed_keeps_it_open(
    rig: Rig, hand: IncidentCommands
) -> None:
    executor = Interrupted(rig, hand, dies=True)
    rig.change(executors={"memory": executor})
    await rig.hear()
    with pytest.raises(asyncio.CancelledError):
        await rig.run_for(60)
    rig.clock.move(1)
    await rig.hear("CrmSlow")

    await rig.run()
    assert await state(rig) is State.OPEN
    kinds = await rig.kinds()
    assert kinds.index(EventKind.ACTION_FINISHED) < kinds.index(EventKind.REOPENED)


async def test_an_action_that_has_not_begun_will_not_begin(rig: Rig, hand: IncidentCommands) -> None:
    rig.change(ceiling=Mode.APPROVE)
    await rig.hear()
    await rig.run()
    [action] = await rig.actions()
    assert action.state is ActionState.WAITING_APPROVAL
    await close(rig, hand)
    [action] = await rig.actions()
    assert action.state is ActionState.REFUSED
    assert action.outcome is not None
    assert "closed by hand" in action.outcome.reason


async def test_a_stage_that_ran_while_it_was_closed_changes_nothing_any_more(rig: Rig, hand: IncidentCommands) -> None:
    await rig.hear()
    incident = await rig.incident()
    case = await rig.store.read(lambda tx: record.load(tx, rig.world, incident.id))
    assert case is not None
    closed = await close(rig, hand)
    now = rig.clock.now()
    step = Step(Wait(now), (Entry(EventKind.PLANNED, now, "late"),))
    assert (
        await rig.store.write(lambda tx: record.store(tx, rig.world, [Taken(case, step, now, lambda: None)])) is False
    )
    assert await rig.incident() == closed
