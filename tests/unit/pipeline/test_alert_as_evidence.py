"""A playbook that rests on its alert alone: no query before the call, and no alert from before an action."""

from dataclasses import replace

import pytest

from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.timeline import EventKind
from rigs.pipeline import Rig, with_step
from rigs.repairs import said, signal_of, wishes


@pytest.fixture
def resting(rig: Rig) -> Rig:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(replace(playbook, per_hour=9), when=""),))
    signal_of(rig)
    return rig


async def test_it_acts_on_the_alert_and_asks_nothing_before(resting: Rig) -> None:
    await resting.hear()
    await resting.run()

    assert len(wishes(resting)) == 1
    [action] = await resting.actions()
    assert action.plan.rests_on_alert
    [decided] = await said(resting, EventKind.DECIDED)
    assert decided.facts["evidence"] == "holds: it fires since 2026-01-01 12:00:00 UTC"


async def test_an_alert_from_before_an_action_is_no_evidence_for_another(resting: Rig) -> None:
    """Half an hour later its cooldown is over, and still nobody knows whether that very action has not ended it."""
    await resting.hear(instance="crm:9000", minutes=-5)
    await resting.run_for(10)
    await resting.hear(firing=False, instance="crm:9000", minutes=-5)
    await resting.run()
    assert len(wishes(resting)) == 1
    resting.clock.move(1800)

    await resting.hear(minutes=-31)
    await resting.run_for(60)
    assert len(wishes(resting)) == 1
    assert "something was done to its target after that" in (await resting.actions())[-1].decision.reason


async def test_one_that_begins_anew_is(resting: Rig) -> None:
    await resting.hear()
    await resting.run_for(10)
    await resting.hear(firing=False)
    await resting.run_for(3600)

    await resting.hear()
    await resting.run()
    assert len(wishes(resting)) == 2


async def test_the_alert_is_looked_at_again_once_a_person_has_approved(resting: Rig) -> None:
    resting.change(modes={PlaybookName("restart-crm-api"): Mode.APPROVE})
    await resting.hear()
    await resting.run()
    [action] = await resting.actions()

    assert action.state is ActionState.WAITING_APPROVAL
    assert action.approval is not None
    assert str(action.approval.shown["evidence"]).startswith("its alert shows holds: it fires since")
