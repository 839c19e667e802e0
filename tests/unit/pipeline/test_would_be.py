"""In observe mode it is recorded what the agent would have done, and what happened then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.incident_commands import IncidentCommands
from aetherlink.model.actions import ActionState, Outcome, OutcomeStatus, Plan, Verb, Verdict
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.model.playbooks import Matcher, MatchOperator
from aetherlink.testing import START
from rigs.pipeline import NoWaker, Rig
from rigs.repairs import signal_of


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


async def test_what_another_playbook_repaired_then_did_not_end_by_itself(rig: Rig) -> None:
    signal_of(rig)
    [first] = rig.world.playbooks
    other = replace(first, name=PlaybookName("other"), match=(Matcher("alertname", MatchOperator.EQUAL, "Other"),))
    rig.change(playbooks=(first, other), modes={first.name: Mode.OBSERVE, other.name: Mode.AUTO})
    await rig.hear()
    await rig.run_for(2)
    rig.clock.move(40)
    await rig.hear("Other")
    await rig.run_for(30)

    would, did = await rig.actions()
    assert did.verdict is Verdict.RECOVERED
    assert would.facts["then"]["how"] == "another repair was made"


async def test_what_a_person_had_repaired_through_the_agent_did_not_end_by_itself(rig: Rig) -> None:
    await observed(rig)
    [would] = await rig.actions()
    asked = Plan(Verb.RESTART, would.plan.target)
    now = rig.clock.now()
    done = Outcome(OutcomeStatus.DONE, "")
    by_ann = replace(
        would, id=ActionId("act-by-ann"), plan=asked, incident_id=None, started_at=now, finished_at=now, outcome=done
    )
    await rig.store.write(lambda rows: rows.actions.put(by_ann))
    await rig.hear(firing=False)
    await rig.run()

    would = next(one for one in await rig.actions() if one.id == would.id)
    assert would.facts["then"] == {"how": "another repair was made", "after_seconds": 42.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome(OutcomeStatus.FAILED, "")},
        {"facts": {"verdict": "not_recovered"}},
        {"started_at": START - timedelta(hours=1)},
        {"plan": Plan(Verb.RESTART, TargetName("another"))},
    ],
)
async def test_what_did_not_help_or_was_before_or_elsewhere_repaired_nothing(
    rig: Rig, changes: dict[str, object]
) -> None:
    await observed(rig)
    [would] = await rig.actions()
    now, done = rig.clock.now(), Outcome(OutcomeStatus.DONE, "")
    plan = Plan(Verb.RESTART, would.plan.target)
    other = replace(would, id=ActionId("act-x"), plan=plan, incident_id=None, started_at=now, outcome=done)
    await rig.store.write(lambda rows: rows.actions.put(replace(other, **changes)))
    await rig.hear(firing=False)
    await rig.run()

    would = next(one for one in await rig.actions() if one.id == would.id)
    assert would.facts["then"]["how"] == "resolved by itself"


async def test_what_was_observed_before_something_else_gets_its_end_with_the_incident(rig: Rig) -> None:
    [first] = rig.world.playbooks
    other = replace(first, name=PlaybookName("other"), match=(Matcher("alertname", MatchOperator.EQUAL, "Other"),))
    rig.change(playbooks=(first, other), modes={first.name: Mode.OBSERVE, other.name: Mode.OBSERVE})
    for name in ("CrmApiDown", "Other"):
        await rig.hear(name)
        await rig.run_for(2)
    for name in ("CrmApiDown", "Other"):
        await rig.hear(name, firing=False)
    await rig.run()

    assert [action.facts["then"]["how"] for action in await rig.actions()] == ["resolved by itself"] * 2
