"""In observe mode it is recorded what the agent would have done, and what happened then."""

import pytest

from aetherlink.incident_commands import IncidentCommands
from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import Mode
from rigs.pipeline import NoWaker, Rig


@pytest.fixture
def commands(rig: Rig) -> IncidentCommands:
    return IncidentCommands(rig.store, clock=rig.clock, waker=NoWaker())


async def observed(rig: Rig) -> None:
    rig.change(ceiling=Mode.OBSERVE)
    await rig.hear()
    await rig.run_for(2)
    [action] = await rig.actions()
    assert action.state is ActionState.REFUSED
    assert rig.executor.calls == []
    rig.clock.move(40)


async def test_what_went_away_by_itself_is_recorded_with_the_action_that_was_not_needed(rig: Rig) -> None:
    await observed(rig)
    await rig.hear(firing=False)
    await rig.run()

    [action] = await rig.actions()
    assert action.facts["then"] == {"how": "resolved by itself", "after_seconds": 42.0}


@pytest.mark.parametrize("by_hand", ["ack", "close"])
async def test_what_a_person_looked_after_is_recorded_as_that(
    rig: Rig, commands: IncidentCommands, by_hand: str
) -> None:
    await observed(rig)
    incident = await rig.incident()
    if by_hand == "ack":
        await commands.acknowledge(incident.id, by="ann")
        await rig.hear(firing=False)
        await rig.run()
    else:
        await commands.close(incident.id, reason="restarted it myself", by="ann")

    [action] = await rig.actions()
    assert action.facts["then"] == {"how": "a person looked after it", "after_seconds": 42.0}


async def test_what_was_carried_out_has_no_such_record(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(10)
    await rig.hear(firing=False)
    await rig.run_for(10)

    [action] = await rig.actions()
    assert action.state is ActionState.FINISHED
    assert "then" not in action.facts
