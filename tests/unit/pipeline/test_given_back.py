"""Letting go of a brake gives back what the agent gave up for it; what people keep, and what is held still, stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.model.actions import Outcome, OutcomeStatus, Target, Wish
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Effect, Mode
from aetherlink.model.ids import IncidentId, SourceName, TargetName
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.timeline import Entry, EventKind
from rigs.pipeline import NoWaker, Rig
from rigs.repairs import FAILS, HOLDS, braked, playbook_of, said, signal_of, wishes

TARGET = "target:crm-api"
PAIR = "playbook:restart-crm-api@crm-api"
BY_PLAYBOOK = "playbook:restart-crm-api"


def commands(rig: Rig) -> ApprovalCommands:
    record = AgentRecord(ids=rig.world.ids, source=SourceName("lab"))
    return ApprovalCommands(rig.store, clock=rig.clock, waker=NoWaker(), record=record, requester_may_approve=True)


async def given_up(rig: Rig) -> Incident:
    """The incident after a restart that did not help, with the brake on its target."""
    signal_of(rig, FAILS)
    await rig.hear()
    await rig.run_for(200)
    incident = await the_incident(rig)
    assert (incident.hands_off, incident.stage, await braked(rig)) == (True, Stage.WATCH, [TARGET])
    return incident


async def the_incident(rig: Rig) -> Incident:
    found, _ = await rig.store.read(lambda tx: tx.incidents.page(limit=10, before=None))
    [incident] = [one for one in found if one.key != "agent:brakes"]
    return incident


async def given_back(rig: Rig) -> list[Entry]:
    return [one for one in await said(rig, EventKind.RELEASED) if one.text.endswith("looks at it anew")]


async def change(rig: Rig, **changes: object) -> None:
    incident = await the_incident(rig)
    assert await rig.store.write(lambda tx: tx.incidents.update(replace(incident, **changes), []))


def answers(rig: Rig, status: OutcomeStatus) -> None:
    """What is asked for ends like this from now on."""

    async def converge(target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        rig.executor.calls.append(wish)
        return Outcome(status, f"it was {status}")

    rig.executor.converge = converge


async def hold(rig: Rig, scope: str, effect: Effect = Effect.DENY) -> None:
    brake = Brake(scope, rig.clock.now(), "it is wrong", "ann", effect)
    assert await rig.store.write(lambda tx: tx.brakes.put(brake))


async def test_it_is_planned_and_repaired_anew(rig: Rig) -> None:
    earlier = await given_up(rig)
    signal_of(rig, HOLDS)
    await commands(rig).release(TARGET, "the disk is mended", by="bob")

    incident = await the_incident(rig)
    assert (incident.hands_off, incident.stage, incident.wake_at) == (False, Stage.PLAN, rig.clock.now())
    assert incident.escalated_at == earlier.escalated_at, "who was called is called"
    [said_so] = await given_back(rig)
    assert said_so.text == f"bob let go of {TARGET}: the disk is mended; the agent looks at it anew"
    assert (said_so.facts["scope"], said_so.facts["by"], said_so.facts["reason"]) == (
        TARGET,
        "bob",
        "the disk is mended",
    )

    await rig.run_for(60)
    assert len(wishes(rig)) == 2
    assert len(await said(rig, EventKind.VERIFIED)) == 1


async def test_where_it_fails_again_it_is_given_up_again_and_a_person_is_called_again(rig: Rig) -> None:
    await given_up(rig)
    await commands(rig).release(TARGET, "mended", by="bob")
    await rig.run_for(400)

    assert (len(wishes(rig)), await braked(rig), (await the_incident(rig)).hands_off) == (2, [TARGET], True)
    called = [each for each in await said(rig, EventKind.ESCALATED) if "not tried again" in each.text]
    assert len(called) == 2


async def test_the_cooldown_holds_all_the_same(rig: Rig) -> None:
    playbook_of(rig, cooldown=timedelta(minutes=30))
    await given_up(rig)
    await commands(rig).release(TARGET, "mended", by="bob")
    await rig.run_for(300)

    assert len(wishes(rig)) == 1
    assert (await rig.actions())[-1].decision.rule == "cooldown_is_over"


async def test_what_another_brake_holds_stays_until_that_one_goes(rig: Rig) -> None:
    await given_up(rig)
    await hold(rig, PAIR)
    await hold(rig, BY_PLAYBOOK, Effect.NEEDS_APPROVAL)
    await commands(rig).release(TARGET, "mended", by="bob")
    assert (await the_incident(rig)).hands_off

    await commands(rig).release(PAIR, "mended", by="bob")
    assert not (await the_incident(rig)).hands_off, "where a person may say yes nothing is given up"


@pytest.mark.parametrize("scope", ["target:crm-db", "playbook:other", "playbook:restart-crm-api@crm-db"])
async def test_letting_go_of_something_else_gives_nothing_back(rig: Rig, scope: str) -> None:
    await given_up(rig)
    await rig.store.write(lambda tx: tx.brakes.release(TARGET))
    await hold(rig, scope)
    await commands(rig).release(scope, "mended", by="bob")

    assert (await the_incident(rig)).hands_off
    assert await given_back(rig) == []


async def test_what_a_person_said_no_to_stays_with_people(rig: Rig) -> None:
    playbook_of(rig)
    rig.change(modes={rig.world.playbooks[0].name: Mode.APPROVE})
    signal_of(rig)
    await rig.hear()
    await rig.run_for(10)
    [asked] = await rig.actions()
    await commands(rig).deny(asked.id, "we deploy", by="ann")
    await hold(rig, TARGET)
    await commands(rig).release(TARGET, "mended", by="bob")
    await rig.run_for(120)

    assert (await the_incident(rig)).hands_off
    assert len(await rig.actions()) == 1


@pytest.mark.parametrize("scope", [TARGET, PAIR, BY_PLAYBOOK])
async def test_what_the_target_refused_stays_with_people_for_no_brake_made_the_agent_stop(rig: Rig, scope: str) -> None:
    signal_of(rig)
    answers(rig, OutcomeStatus.FAILED)
    await rig.hear()
    await rig.run_for(10)
    assert ((await the_incident(rig)).hands_off, await braked(rig)) == (True, [])
    await hold(rig, scope)
    await commands(rig).release(scope, "it was right", by="bob")

    assert (await the_incident(rig)).hands_off
    assert await given_back(rig) == []


async def test_a_brake_that_lets_a_person_say_yes_gives_nothing_back(rig: Rig) -> None:
    await given_up(rig)
    await rig.store.write(lambda tx: tx.brakes.release(TARGET))
    await hold(rig, BY_PLAYBOOK, Effect.NEEDS_APPROVAL)
    await commands(rig).release(BY_PLAYBOOK, "it was right", by="bob")

    assert (await the_incident(rig)).hands_off


async def test_what_was_given_up_after_the_brake_was_set_was_not_given_up_for_it(rig: Rig) -> None:
    since = rig.clock.now() - timedelta(minutes=1)
    await given_up(rig)
    await rig.store.write(lambda tx: tx.brakes.release(TARGET))
    await rig.store.write(lambda tx: tx.brakes.put(Brake(PAIR, since, "it is wrong", "ann")))
    await commands(rig).release(PAIR, "it was right", by="bob")

    assert (await the_incident(rig)).hands_off


async def test_what_may_have_been_carried_out_is_not_done_again(rig: Rig) -> None:
    signal_of(rig)
    answers(rig, OutcomeStatus.UNKNOWN)
    await rig.hear()
    await rig.run_for(10)
    assert (len(wishes(rig)), await braked(rig)) == (1, [TARGET])
    await commands(rig).release(TARGET, "it had arrived", by="bob")
    await rig.run_for(900)

    assert (len(wishes(rig)), (await the_incident(rig)).hands_off) == (1, True)
    [entry] = [each for each in await said(rig, EventKind.RELEASED) if "not done again" in each.text]
    assert entry.text == (
        "bob let go of target:crm-api: it had arrived; what was done may have been carried out and is not done again: "
        "people keep it"
    )


async def test_what_is_given_back_is_found_behind_any_number_of_others(rig: Rig) -> None:
    await given_up(rig)
    mine = await the_incident(rig)
    plan = replace(mine.plan, target=TargetName("crm-db"))
    others = [
        (replace(mine, id=IncidentId(f"inc-9{number:03d}"), key=str(number), plan=plan), []) for number in range(501)
    ]
    await rig.store.write(lambda tx: tx.incidents.insert_all(others))
    await commands(rig).release(TARGET, "mended", by="bob")

    found = await rig.store.read(lambda tx: tx.incidents.get(mine.id))
    assert not found.hands_off


async def test_what_is_about_to_be_closed_or_does_not_fire_stays_as_it_is(rig: Rig) -> None:
    await given_up(rig)
    await change(rig, closed_by="ann")
    await commands(rig).release(TARGET, "mended", by="bob")
    assert (await the_incident(rig)).hands_off

    await change(rig, closed_by=None, firing=0)
    await hold(rig, TARGET)
    await commands(rig).release(TARGET, "mended", by="bob")
    assert (await the_incident(rig)).hands_off


async def test_what_joined_meanwhile_is_looked_at_too(rig: Rig) -> None:
    await given_up(rig)
    await rig.hear(instance="other:8000")
    await rig.run_for(30)
    signal_of(rig, HOLDS)
    await commands(rig).release(TARGET, "mended", by="bob")
    await rig.run_for(600)

    planned_for = {action.plan.alert_id for action in await rig.actions()}
    assert len(planned_for) == 2
