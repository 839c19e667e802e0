"""Asking people: what they are shown, what their yes binds, and what makes it void."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model import approvals
from aetherlink.model.actions import (
    Action,
    ActionState,
    DeclaredRequest,
    Grant,
    Limits,
    Observation,
    OutcomeStatus,
    Plan,
    Target,
    Verb,
)
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.decisions import Effect, EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.incidents import Stage
from aetherlink.model.playbooks import ScaleBy
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import approve
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.runner import advance
from aetherlink.pipeline.step import Case, Consent, Continue, Wait
from aetherlink.testing import START
from rigs.pipeline import API, Rig, with_step

ASKING = {PlaybookName("restart-crm-api"): Mode.APPROVE}
TARGET = Target(API, "memory", "crm", minimum=1, maximum=4)
MIB = 1024 * 1024
SEEN = Observation(
    ready=1,
    wanted=2,
    oldest_start=START,
    release="1.1.0",
    previous_release="1.0.0",
    limits=Limits(memory=256 * MIB),
)
PLAN = Plan(Verb.SCALE, API, PlaybookName("grow"), replicas=3, when="up == 0", undo=True, alert_id=7)


@pytest.fixture
def asking(rig: Rig) -> Rig:
    """The playbook is to ask, and the pipeline looks twice a minute."""
    rig.change(modes=ASKING, options=PipelineOptions(verify_interval=timedelta(seconds=1)))
    return rig


async def ask(rig: Rig, **labels: str) -> Action:
    await rig.hear(**labels)
    await rig.run()
    [action] = await rig.actions()
    return action


async def say_yes(rig: Rig, *people: str) -> None:
    """What the command does: the grants are stored, and the incident is woken."""
    action = (await rig.actions())[-1]
    assert action.approval is not None
    approval = action.approval
    for person in people:
        approval = approvals.granted(approval, Grant(person, rig.clock.now()))
    incident = replace(await rig.incident(), wake_at=rig.clock.now())

    def store(transaction) -> None:
        transaction.actions.put(replace(action, approval=approval))
        transaction.incidents.update(incident, [])

    await rig.store.write(store)


async def entries(rig: Rig, kind: EventKind) -> list[Entry]:
    incident = await rig.incident()
    stored = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=1000, after=0))
    return [one.entry for one in stored if one.entry.kind is kind]


async def test_a_person_is_asked_and_shown_everything_that_the_yes_binds(asking: Rig) -> None:
    action = await ask(asking)

    assert (action.state, action.decision.effect) == (ActionState.WAITING_APPROVAL, Effect.NEEDS_APPROVAL)
    approval = action.approval
    assert approval is not None
    assert approval.plan_hash == approvals.hash_of(approval.shown)
    assert (approval.asked_at, approval.expires_at) == (START, START + timedelta(minutes=30))
    assert (approval.needed, approval.grants) == (1, ())
    assert approval.shown["evidence"] == (
        '`up{instance="crm:8000",job="peakpro_crm"} == 0` shows holds: scripted to say holds'
    )
    assert approval.shown["undo"] == "nothing: restart cannot be undone"
    assert approval.shown["observed"]["release"] == "1.1.0"
    [asked] = await entries(asking, EventKind.APPROVAL_ASKED)
    assert asked.text == (
        "a person has to approve restart crm-api until 2026-01-01 12:30:00 UTC "
        "(mode is approve: a person has to approve it)"
    )
    incident = await asking.incident()
    assert asked.facts == {
        "action_id": action.id,
        "verb": "restart",
        "target": "crm-api",
        "plan_hash": approval.plan_hash,
        "incident": incident.id,
    }
    assert (incident.stage, incident.wake_at) == (Stage.APPROVE, START + timedelta(seconds=30))


async def test_a_yes_is_good_for_one_act(asking: Rig) -> None:
    await ask(asking)
    await say_yes(asking, "ann")
    await asking.run_for(300)

    [action] = await asking.actions()
    assert action.outcome is not None
    assert (action.outcome.status, len(asking.executor.calls)) == (OutcomeStatus.DONE, 1)
    assert action.facts["allowed_at"] == START.isoformat()
    assert action.decision.effect is Effect.NEEDS_APPROVAL


async def test_nothing_is_done_and_nothing_is_said_twice_while_nobody_says_yes(asking: Rig) -> None:
    first = await ask(asking)
    await asking.run_for(29 * 60)

    [action] = await asking.actions()
    assert action.approval == first.approval
    assert asking.executor.calls == []
    assert len(await entries(asking, EventKind.APPROVAL_ASKED)) == 1


async def test_a_request_that_nobody_answers_expires_and_calls_a_person_once(asking: Rig) -> None:
    await ask(asking)
    await asking.run_for(30 * 60)

    [action] = await asking.actions()
    assert (action.state, action.finished_at) == (ActionState.REFUSED, START + timedelta(minutes=30))
    assert action.outcome is not None
    assert (action.outcome.status, action.outcome.reason) == (
        OutcomeStatus.NOT_NEEDED,
        "not carried out: nobody approved it in time",
    )
    incident = await asking.incident()
    assert (incident.stage, incident.hands_off, incident.escalated) == (Stage.WATCH, True, True)
    [expired] = await entries(asking, EventKind.EXPIRED)
    assert expired.text == "restart crm-api: nobody approved it in time"
    assert expired.facts["action_id"] == action.id
    [called] = await entries(asking, EventKind.ESCALATED)
    assert called.text == "a person has to look: nobody approved restart crm-api in time"

    await asking.run_for(3600)
    assert asking.executor.calls == []
    assert len(await entries(asking, EventKind.ESCALATED)) == 1


async def test_how_long_a_request_stands_is_a_setting(asking: Rig) -> None:
    asking.change(consent=Consent(expires_after=timedelta(seconds=10)))
    action = await ask(asking)
    assert action.approval is not None
    assert action.approval.expires_at == START + timedelta(seconds=10)
    assert (await asking.incident()).wake_at == START + timedelta(seconds=10)
    await asking.run_for(9)
    assert await entries(asking, EventKind.EXPIRED) == []

    await asking.run_for(1)
    assert len(await entries(asking, EventKind.EXPIRED)) == 1


async def test_a_target_that_drifts_while_people_think_is_asked_for_anew(asking: Rig) -> None:
    first = await ask(asking)
    await asking.run_for(60)
    asking.executor.world[API] = replace(asking.executor.world[API], release="2.0.0")
    await asking.run_for(30)

    [action] = await asking.actions()
    assert action.approval is not None
    assert first.approval is not None
    assert action.approval.plan_hash != first.approval.plan_hash
    assert action.approval.expires_at == first.approval.expires_at  # drifting makes no request live longer
    assert action.state is ActionState.WAITING_APPROVAL
    [drift] = await entries(asking, EventKind.DRIFTED)
    assert drift.text == "restart crm-api: crm-api is not as it was shown any more; the request is made anew"
    assert drift.facts["plan_hash"] == action.approval.plan_hash
    assert (await asking.incident()).wake_at == asking.clock.now() + timedelta(seconds=30)


async def test_a_target_that_drifts_after_the_yes_makes_the_yes_void(asking: Rig) -> None:
    await ask(asking)
    await say_yes(asking, "ann")
    asking.executor.world[API] = replace(asking.executor.world[API], ready=0)
    await asking.run()

    [action] = await asking.actions()
    assert action.approval is not None
    assert (action.state, action.approval.grants) == (ActionState.WAITING_APPROVAL, ())
    assert asking.executor.calls == []
    assert len(await entries(asking, EventKind.DRIFTED)) == 1

    await say_yes(asking, "bob")
    await asking.run()
    assert len(asking.executor.calls) == 1


async def test_a_request_whose_condition_does_not_hold_any_more_is_taken_back(asking: Rig) -> None:
    await ask(asking)
    asking.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await asking.run_for(30 + 119)
    first = (await asking.actions())[0]
    assert first.state is ActionState.WAITING_APPROVAL

    await asking.run_for(2)
    first = (await asking.actions())[0]
    assert first.state is ActionState.REFUSED
    [taken_back] = await entries(asking, EventKind.DENIED)
    assert taken_back.text == (
        "restart crm-api: the request is taken back, "
        "its condition does not hold any more: scripted to say does_not_hold"
    )
    assert taken_back.facts["action_id"] == first.id
    assert (await asking.incident()).hands_off is False

    asking.probe.status = EvidenceStatus.HOLDS
    await asking.run_for(31)
    assert (await asking.actions())[-1].state is ActionState.WAITING_APPROVAL
    assert len(await entries(asking, EventKind.APPROVAL_ASKED)) == 2


async def test_who_is_asked_for_what_comes_and_goes_is_asked_once(asking: Rig) -> None:
    first = await ask(asking)
    for _ in range(10):
        for status, seconds in ((EvidenceStatus.DOES_NOT_HOLD, 90), (EvidenceStatus.NO_DATA, 30)):
            asking.probe.status = status
            await asking.run_for(seconds)
        asking.probe.status = EvidenceStatus.HOLDS
        await asking.run_for(30)
    told = [
        each
        for kind in (EventKind.APPROVAL_ASKED, EventKind.DENIED, EventKind.DECIDED)
        for each in await entries(asking, kind)
    ]

    [action] = await asking.actions()
    assert (action.state, action.approval) == (ActionState.WAITING_APPROVAL, first.approval)
    assert len(told) == 2, "one decision, one request"


async def test_without_data_nobody_is_sure_that_the_condition_is_back(asking: Rig) -> None:
    await ask(asking)
    for status, seconds in ((EvidenceStatus.DOES_NOT_HOLD, 60), (EvidenceStatus.NO_DATA, 90)):
        asking.probe.status = status
        await asking.run_for(seconds)
    asking.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await asking.run_for(31)

    assert (await asking.actions())[0].state is ActionState.REFUSED


async def test_a_yes_while_the_condition_does_not_hold_acts_on_nothing_and_is_spent(asking: Rig) -> None:
    await ask(asking)
    asking.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await asking.run_for(40)
    await say_yes(asking, "ann")
    await asking.run_for(5)
    assert asking.executor.calls == []

    asking.probe.status = EvidenceStatus.HOLDS
    await asking.run_for(200)
    latest = (await asking.actions())[-1]
    assert (latest.state, asking.executor.calls) == (ActionState.WAITING_APPROVAL, [])
    assert latest.approval is not None
    assert latest.approval.grants == ()
    assert len(await entries(asking, EventKind.APPROVAL_ASKED)) == 2


async def test_a_yes_that_comes_while_the_condition_is_looked_at_is_not_lost(
    asking: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(asking)
    asking.probe.status = EvidenceStatus.DOES_NOT_HOLD
    look = asking.probe.check

    async def check(*given, **more):
        monkeypatch.setattr(asking.probe, "check", look)
        await say_yes(asking, "ann")
        return await look(*given, **more)

    monkeypatch.setattr(asking.probe, "check", check)
    asking.clock.move(30)
    await asking.run()

    [action] = await asking.actions()
    assert action.approval is not None
    assert [grant.by for grant in action.approval.grants] == ["ann"]


@pytest.mark.parametrize("status", [EvidenceStatus.NO_DATA, EvidenceStatus.ERROR])
async def test_a_request_stands_while_nobody_can_tell(asking: Rig, status: EvidenceStatus) -> None:
    await ask(asking)
    asking.probe.status = status
    await asking.run_for(120)

    [action] = await asking.actions()
    assert action.state is ActionState.WAITING_APPROVAL


async def test_a_request_whose_alert_ends_is_not_needed(asking: Rig) -> None:
    await ask(asking)
    await asking.hear(firing=False)
    await asking.run_for(5)

    [action] = await asking.actions()
    assert action.state is ActionState.REFUSED
    assert action.outcome is not None
    assert action.outcome.reason == ("not carried out: its alert does not fire any more, or is silenced or inhibited")
    assert len(await entries(asking, EventKind.DENIED)) == 1


async def test_a_yes_does_not_outlive_the_alert(asking: Rig) -> None:
    await ask(asking)
    await asking.hear(firing=False)
    await say_yes(asking, "ann")
    await asking.run_for(60)

    assert asking.executor.calls == []


async def test_nothing_is_shown_while_the_target_cannot_be_looked_at(asking: Rig) -> None:
    await ask(asking)
    first = (await asking.actions())[0].approval
    lost = asking.executor.world.pop(API)
    await asking.run_for(90)

    [action] = await asking.actions()
    assert (action.state, action.approval) == (ActionState.WAITING_APPROVAL, first)
    assert await entries(asking, EventKind.DRIFTED) == []
    assert (await asking.incident()).wake_at == asking.clock.now() + timedelta(seconds=30)

    asking.executor.world[API] = lost
    await asking.run_for(30)
    assert (await asking.actions())[0].approval == first


async def test_a_target_taken_out_of_the_settings_is_not_asked_for(asking: Rig) -> None:
    await ask(asking)
    asking.change(targets={})
    await asking.run_for(60)

    [action] = await asking.actions()
    assert (action.state, asking.executor.calls) == (ActionState.WAITING_APPROVAL, [])


@pytest.mark.parametrize(("is_vip", "is_set", "needed"), [(True, True, 2), (True, False, 1), (False, True, 1)])
async def test_a_vip_takes_a_second_person_where_that_is_set(
    asking: Rig, monkeypatch: pytest.MonkeyPatch, *, is_vip: bool, is_set: bool, needed: int
) -> None:
    asking.change(consent=Consent(second_person_for_vip=is_set))
    await asking.hear()
    incident = replace(await asking.incident(), vip=is_vip)
    await asking.store.write(lambda tx: tx.incidents.update(incident, []))
    await asking.run()
    [action] = await asking.actions()
    assert action.approval is not None
    assert action.approval.needed == needed
    [asked] = await entries(asking, EventKind.APPROVAL_ASKED)
    assert asked.text.startswith("two people have to" if needed == 2 else "a person has to")

    await say_yes(asking, "ann", "ann")
    await asking.run_for(5)
    assert len(asking.executor.calls) == (0 if needed == 2 else 1)

    if needed == 2:
        await say_yes(asking, "bob")
        await asking.run_for(5)
        assert len(asking.executor.calls) == 1


async def test_a_person_is_called_for_a_stranger_beside_a_request(asking: Rig) -> None:
    await ask(asking)
    await asking.hear("SomethingElse")
    await asking.run_for(31)

    [called] = await entries(asking, EventKind.ESCALATED)
    assert called.text == "a person has to look: no playbook matches SomethingElse"
    [action] = await asking.actions()
    assert action.state is ActionState.WAITING_APPROVAL

    await say_yes(asking, "ann")
    await asking.run()
    assert len(asking.executor.calls) == 1


async def test_a_yes_that_the_agent_finds_only_later_is_too_old(asking: Rig) -> None:
    """It was down meanwhile: nobody said yes to an act at some other time."""
    await ask(asking)
    await say_yes(asking, "ann")
    asking.clock.move(31)
    await asking.run()

    assert asking.executor.calls == []
    first = (await asking.actions())[0]
    assert first.outcome is not None
    assert "the decision was too old when its turn came" in first.outcome.reason

    await asking.run_for(60)
    assert (await asking.actions())[-1].state is ActionState.WAITING_APPROVAL


async def test_a_yes_of_thirty_seconds_ago_is_still_good(asking: Rig) -> None:
    await ask(asking)
    await say_yes(asking, "ann")
    asking.clock.move(30)
    await asking.run()

    assert len(asking.executor.calls) == 1


@pytest.mark.parametrize("is_granted", [False, True])
async def test_a_clock_that_is_set_back_makes_no_request_and_no_yes_live_longer(
    asking: Rig, *, is_granted: bool
) -> None:
    await ask(asking)
    if is_granted:
        await say_yes(asking, "ann")
    asking.clock.move(-3600)
    incident = await asking.incident()
    await advance(asking.world, incident.id, asking.metrics)

    [action] = await asking.actions()
    assert action.state is ActionState.REFUSED
    assert asking.executor.calls == []


async def test_a_clock_that_is_set_right_by_seconds_ends_no_request(asking: Rig) -> None:
    await ask(asking)
    asking.clock.move(-30)
    incident = await asking.incident()
    await advance(asking.world, incident.id, asking.metrics)

    [action] = await asking.actions()
    assert action.state is ActionState.WAITING_APPROVAL


@pytest.mark.parametrize("state", [state for state in ActionState if state is not ActionState.WAITING_APPROVAL])
async def test_there_is_nothing_to_wait_for_without_a_request(asking: Rig, state: ActionState) -> None:
    action = await ask(asking)
    incident = await asking.incident()

    for one in (None, replace(action, state=state)):
        step = await approve.run(asking.world, Case(incident, one))
        assert (step.move, step.entries, step.action) == (Continue(Stage.WATCH), (), None)


async def test_an_approval_lifts_no_pause_no_brake_and_no_budget(asking: Rig) -> None:
    await ask(asking)
    await say_yes(asking, "ann")
    asking.change(restraints=replace(asking.world.restraints, outside_pause=lambda: "a file says so"))
    asking.world.__dict__.pop("briefing", None)
    await asking.run_for(10)

    assert asking.executor.calls == []
    action = (await asking.actions())[0]
    assert action.outcome is not None
    assert "a file says so" in action.outcome.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "scale crm-api to 2"),
        ({"replicas": 2}, "nothing: scale cannot be undone"),
        ({"replicas": None}, "scale crm-api to 2"),
        ({"undo": False}, "nothing: it is not undone"),
        ({"verb": Verb.RESTART}, "nothing: restart cannot be undone"),
        ({"verb": Verb.ROLLBACK}, "roll crm-api back to 1.1.0"),
        ({"verb": Verb.ROLLBACK, "release": "0.9.0"}, "roll crm-api back to 1.1.0"),
        ({"verb": Verb.ROLLBACK, "release": "1.1.0"}, "nothing: rollback cannot be undone"),
        ({"verb": Verb.LIMITS, "limits": Limits(memory=512 * MIB)}, "limit crm-api to 256 MiB"),
        ({"verb": Verb.LIMITS, "limits": Limits(memory=256 * MIB)}, "nothing: limits cannot be undone"),
        ({"verb": Verb.LIMITS, "limits": Limits(nano_cpus=1_000_000_000)}, "nothing: limits cannot be undone"),
        ({"verb": Verb.HTTP, "request": "drain"}, "nothing: http cannot be undone"),
    ],
)
async def test_people_read_what_undo_would_do(asking: Rig, changes: dict[str, object], words: str) -> None:
    plan = replace(PLAN, **changes)
    incident = await _an_incident(asking)
    action = replace((await asking.actions())[0], plan=plan)

    approval = approve.asked(asking.world, incident, action, SEEN, None)

    assert approval.shown["undo"] == words
    assert approval.shown["evidence"] == ""
    asked = replace(action, approval=approval)
    assert approve.is_as_shown(asking.world, incident, asked, SEEN)
    assert not approve.is_as_shown(asking.world, incident, asked, replace(SEEN, wanted=3))


async def test_a_scale_to_none_is_shown_with_the_one_that_comes_back(asking: Rig) -> None:
    incident = await _an_incident(asking)
    action = replace((await asking.actions())[0], plan=replace(PLAN, replicas=None))

    approval = approve.asked(asking.world, incident, action, replace(SEEN, wanted=1), None)

    assert approval.shown["undo"] == "scale crm-api to 1"


async def test_a_yes_binds_the_requests_of_its_target_under_a_seal_of_its_own(asking: Rig) -> None:
    """A digest alone would let whoever reads the request try out what a secret header says."""
    target = replace(TARGET, requests=(DeclaredRequest("drain", "POST", "http://crm/drain", "abc"),))
    asking.change(targets={API: target})
    incident = await _an_incident(asking)
    action = replace((await asking.actions())[0], plan=replace(PLAN, verb=Verb.HTTP, request="drain"))

    first, second = (approve.asked(asking.world, incident, action, SEEN, None) for _ in range(2))
    asked = replace(action, approval=first)

    assert first.seal != second.seal
    assert first.shown["target"] != second.shown["target"]
    assert approve.is_as_shown(asking.world, incident, asked, SEEN)
    asking.change(
        targets={API: replace(target, requests=(DeclaredRequest("drain", "POST", "http://crm/drain", "def"),))}
    )
    assert not approve.is_as_shown(asking.world, incident, asked, SEEN)


async def test_nothing_is_as_shown_where_nothing_was_shown_or_the_target_is_gone(asking: Rig) -> None:
    incident = await _an_incident(asking)
    [action] = await asking.actions()
    seen = asking.executor.world[API]

    assert approve.is_as_shown(asking.world, incident, action, seen)
    assert approve.is_as_shown(asking.world, incident, replace(action, approval=None), seen) is False
    asking.change(targets={})
    assert approve.is_as_shown(asking.world, incident, action, seen) is False


async def test_a_request_that_nobody_could_be_shown_ends_as_one_that_was(asking: Rig) -> None:
    action = replace(await ask(asking), approval=None)
    await asking.store.write(lambda rows: rows.actions.put(action))
    asking.executor.world.pop(API)

    for seconds, state in ((1799, ActionState.WAITING_APPROVAL), (1, ActionState.REFUSED)):
        asking.clock.move(seconds)
        step = await approve.run(asking.world, Case(await asking.incident(), action, planned=await _alert(asking)))
        assert (step.action or action).state is state
    assert step.escalated


async def test_a_request_whose_playbook_has_changed_is_taken_back(asking: Rig) -> None:
    await ask(asking)
    [playbook] = asking.world.playbooks
    asking.change(playbooks=(replace(playbook, digest="another"),))
    await asking.run_for(30)

    first = (await asking.actions())[0]
    assert first.state is ActionState.REFUSED
    [told, *_] = await entries(asking, EventKind.DENIED)
    assert told.text == "restart crm-api: the request is taken back, its playbook or its target has changed"


async def test_what_drifts_waits_for_people_at_once(asking: Rig) -> None:
    action = await ask(asking)
    asking.executor.world[API] = replace(asking.executor.world[API], release="2.0.0")
    asking.clock.move(60)

    step = await approve.run(asking.world, Case(await asking.incident(), action, planned=await _alert(asking)))

    assert [entry.kind for entry in step.entries] == [EventKind.DRIFTED]
    assert step.move == Wait(asking.clock.now() + timedelta(seconds=30))


async def _alert(rig: Rig) -> StoredAlert:
    incident = await rig.incident()
    [alert] = await rig.store.read(lambda rows: rows.alerts.of_incident(incident.id, limit=10))
    return alert


async def _an_incident(rig: Rig):
    await ask(rig)
    return await rig.incident()


async def test_a_restart_of_what_has_not_started_cannot_be_undone(asking: Rig) -> None:
    incident = await _an_incident(asking)
    action = replace((await asking.actions())[0], plan=replace(PLAN, verb=Verb.RESTART))

    approval = approve.asked(asking.world, incident, action, replace(SEEN, oldest_start=None), None)

    assert approval.shown["undo"] == "nothing: restart cannot be undone"


async def test_a_scale_that_is_approved_is_shown_with_its_undo(asking: Rig) -> None:
    [playbook] = asking.world.playbooks
    asking.change(playbooks=(with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(1)),))
    action = await ask(asking)

    assert action.approval is not None
    assert action.approval.shown["undo"] == "scale crm-api to 1"
    assert action.approval.shown["plan"]["replicas"] == 2
