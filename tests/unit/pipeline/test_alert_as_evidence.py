"""A playbook that rests on its alert alone: no query before the call, and no alert from before an action."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import ActionState
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.timeline import EventKind
from rigs.pipeline import Rig, with_step
from rigs.repairs import restrain, said, signal_of, wishes


@pytest.fixture
def resting(rig: Rig) -> Rig:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(replace(playbook, per_hour=9), when=""),))
    signal_of(rig)
    return rig


def listed(rig: Rig, *, ago: timedelta = timedelta(seconds=30)) -> None:
    """Alertmanager is asked all the time, last so long ago, and lists every alert."""
    restrain(rig, listed_at=lambda _source, _fingerprint: rig.clock.now() - ago)


async def _repaired(rig: Rig) -> None:
    """A repair for an alert that is over then."""
    await rig.hear(instance="crm:9000", minutes=-5)
    await rig.run_for(10)
    await rig.hear(firing=False, instance="crm:9000", minutes=-5)
    await rig.run()
    assert len(wishes(rig)) == 1


async def _held_back(rig: Rig, *, hours: float) -> None:
    """An alert is heard of in a pause, which ends after so many hours."""
    pause = Pause(EVERYTHING, rig.clock.now(), "migration", "ann", None)
    await rig.store.write(lambda tx: tx.pauses.put(pause))
    await rig.hear()
    await rig.run()
    rig.clock.move(hours * 3600)
    await rig.store.write(lambda tx: tx.pauses.drop(pause))
    await rig.run_for(60)


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


async def test_nor_is_it_when_the_action_is_a_day_ago(resting: Rig) -> None:
    """What the budgets forget after an hour the alert does not: nothing has changed since then."""
    await _repaired(resting)
    resting.clock.move(24 * 3600)

    await resting.hear(minutes=-24 * 60 - 1)
    await resting.run_for(900)
    assert len(wishes(resting)) == 1
    assert "something was done to its target after that" in (await resting.actions())[-1].decision.reason


async def test_an_alert_that_stood_all_the_time_is_no_evidence_once_the_hour_is_over(resting: Rig) -> None:
    listed(resting)
    await _repaired(resting)
    resting.clock.move(1800)
    await resting.hear(minutes=-31)
    await resting.run_for(3000)

    assert len(wishes(resting)) == 1


@pytest.mark.parametrize(("seconds", "calls"), [(59, 1), (61, 2)])
async def test_clocks_may_be_a_minute_apart(resting: Rig, seconds: float, calls: int) -> None:
    await _repaired(resting)
    [action] = await resting.actions()
    resting.clock.move(1800)
    since = (resting.clock.now() - action.finished_at).total_seconds()

    await resting.hear(minutes=(seconds - since) / 60)
    await resting.run()
    assert len(wishes(resting)) == calls


async def test_an_alert_of_which_nobody_has_said_a_word_for_a_day_is_no_evidence(resting: Rig) -> None:
    await _held_back(resting, hours=24)

    assert wishes(resting) == []
    reason = (await resting.actions())[-1].decision.reason
    assert "nobody has said since 2026-01-01 12:00:00 UTC that it still fires" in reason


async def test_one_that_is_listed_still_is(resting: Rig) -> None:
    listed(resting)
    await _held_back(resting, hours=24)

    assert len(wishes(resting)) == 1


async def test_one_that_was_listed_an_hour_ago_is_not(resting: Rig) -> None:
    listed(resting, ago=timedelta(hours=1))
    await _held_back(resting, hours=24)

    assert wishes(resting) == []


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
