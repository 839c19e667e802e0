"""What the pipeline does with an incident, from the first alert to the end."""

import asyncio
import itertools
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aetherlink.errors import StoreError, UnreachableError
from aetherlink.model.actions import ActionState, OutcomeStatus, Plan, StartedAfter, Verb
from aetherlink.model.decisions import Effect, Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import PlaybookName, SourceName
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.playbooks import Matcher, MatchOperator, ScaleBy
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.runner import advance
from rigs.pipeline import API, Rig, store_each_stage_alone, with_step
from rigs.repairs import die_during_the_call


async def test_an_alert_is_planned_decided_acted_on_verified_and_resolved(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(4)
    await rig.hear(firing=False)
    await rig.run()

    incident = await rig.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert await rig.kinds() == [
        EventKind.OPENED,
        EventKind.ALERTS,
        EventKind.PLANNED,
        EventKind.DECIDED,
        EventKind.ACTION_STARTED,
        EventKind.ACTION_FINISHED,
        EventKind.VERIFYING,
        EventKind.VERIFIED,
        EventKind.ALERTS,
        EventKind.RESOLVED,
    ]
    [action] = await rig.actions()
    assert rig.executor.calls == [StartedAfter(action.started_at)]
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.DONE


async def test_the_condition_and_the_verification_are_bound_to_the_alerts_labels(rig: Rig) -> None:
    await rig.hear()
    await rig.run()

    [action] = await rig.actions()
    assert rig.probe.asked == [
        ('up{instance="crm:8000",job="peakpro_crm"} == 0', None),  # to decide, and to act at once
        ('up{instance="crm:8000",job="peakpro_crm"} == 1', action.finished_at),
    ]


async def test_a_fresh_install_only_says_what_it_would_have_done(rig: Rig) -> None:
    rig.change(ceiling=Mode.OBSERVE)
    await rig.hear()
    await rig.run_for(60)

    [action] = await rig.actions()
    assert (action.decision.effect, action.state) == (Effect.OBSERVE, ActionState.REFUSED)
    assert rig.executor.calls == []
    assert (await rig.incident()).stage is Stage.WATCH


async def test_a_builtin_playbook_observes_although_the_ceiling_is_auto(rig: Rig) -> None:
    rig.change(modes={})
    await rig.hear()
    await rig.run_for(10)

    assert rig.executor.calls == []


async def test_an_incident_that_was_opened_again_says_how_long_it_took_since_then(rig: Rig) -> None:
    for seconds in (30, 12, 7.5):
        await rig.hear("SomethingElse")
        await rig.run()
        rig.clock.move(seconds)
        await rig.hear("SomethingElse", firing=False)
        await rig.run()
        rig.clock.move(60)

    incident = await rig.incident()
    entries = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    resolved = [stored.entry for stored in entries if stored.entry.kind is EventKind.RESOLVED]
    assert [(entry.text, entry.facts["seconds"]) for entry in resolved] == [
        ("resolved after 30.0 s", 30),
        ("resolved after 12.0 s, opened 2 times", 12),
        ("resolved after 7.5 s, opened 3 times", 7.5),
    ]


@pytest.mark.parametrize("status", [EvidenceStatus.NO_DATA, EvidenceStatus.ERROR, EvidenceStatus.DOES_NOT_HOLD])
async def test_without_evidence_it_does_not_act_and_asks_again(rig: Rig, status: EvidenceStatus) -> None:
    rig.probe.status = status
    await rig.hear()
    await rig.run_for(20)

    assert rig.executor.calls == []
    assert (await rig.kinds()).count(EventKind.DECIDED) == 1
    assert len(await rig.actions()) == 1

    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(2)

    assert len(rig.executor.calls) == 1


async def test_an_alert_that_ends_before_the_decision_is_not_acted_on(rig: Rig) -> None:
    rig.probe.status = EvidenceStatus.NO_DATA
    await rig.hear()
    await rig.run_for(3)
    await rig.hear(firing=False)
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(3)

    assert rig.executor.calls == []
    assert (await rig.incident()).status is IncidentStatus.RESOLVED


async def test_no_data_after_the_action_is_never_called_recovered(rig: Rig) -> None:
    def go_blind() -> None:
        rig.probe.status = EvidenceStatus.NO_DATA

    rig.executor.before = go_blind
    await rig.hear()
    await rig.run_for(61)

    kinds = await rig.kinds()
    assert EventKind.VERIFIED not in kinds
    assert kinds[-3:] == [EventKind.CANNOT_TELL, EventKind.ESCALATED, EventKind.BRAKED]
    assert (await rig.incident()).escalated


async def test_a_repair_that_did_not_help_calls_a_person_and_is_not_tried_again(rig: Rig) -> None:
    def no_help() -> None:
        rig.probe.status = EvidenceStatus.DOES_NOT_HOLD

    rig.executor.before = no_help
    await rig.hear()
    await rig.run_for(61)
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.hear("CrmHighErrorRate")
    await rig.run_for(600)

    assert len(rig.executor.calls) == 1
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1


async def test_the_signal_has_to_hold_without_a_break(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(2)
    rig.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await rig.run_for(1)
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(2)
    assert EventKind.VERIFIED not in await rig.kinds()

    await rig.run_for(2)
    assert EventKind.VERIFIED in await rig.kinds()


async def test_after_a_good_repair_a_new_outage_waits_for_the_cooldown(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(5)
    await rig.hear()
    await rig.run_for(110)
    assert len(rig.executor.calls) == 1

    await rig.run_for(20)
    assert len(rig.executor.calls) == 2


async def test_after_an_action_only_newer_samples_license_another(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(5)
    [action] = await rig.actions()
    rig.probe.asked.clear()
    await rig.hear()
    await rig.run()

    assert rig.probe.asked == [('up{instance="crm:8000",job="peakpro_crm"} == 0', action.finished_at)]


async def test_more_than_the_hourly_limit_is_never_done(rig: Rig) -> None:
    rig.change(options=PipelineOptions(redecide_interval=timedelta(seconds=30)))
    for _ in range(20):
        await rig.hear()
        await rig.run_for(170)

    assert len(rig.executor.calls) == 3


async def test_an_alert_that_no_playbook_knows_is_watched_by_a_person(rig: Rig) -> None:
    await rig.hear("SomethingElse")
    await rig.run_for(5)

    await rig.hear("AndAnother")
    await rig.run_for(5)

    incident = await rig.incident()
    assert (incident.stage, incident.escalated) == (Stage.WATCH, True)
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1
    assert rig.executor.calls == []

    await rig.hear("AndAnother", firing=False)
    await rig.hear("SomethingElse", firing=False)
    await rig.run()
    assert (await rig.incident()).status is IncidentStatus.RESOLVED


async def test_a_target_that_nobody_declared_is_not_touched(rig: Rig) -> None:
    rig.change(targets={})
    await rig.hear()
    await rig.run_for(5)

    assert rig.executor.calls == []
    assert (await rig.incident()).escalated
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1


async def test_a_target_that_is_gone_is_left_alone_and_a_person_is_called_in_the_end(rig: Rig) -> None:
    rig.change(options=PipelineOptions())  # looks twice a minute
    rig.executor.world.clear()
    await rig.hear()
    await rig.run_for(16 * 60)

    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1
    [action] = await rig.actions()
    assert (action.decision.effect, action.decision.rule) == (Effect.DENY, "target_is_seen")


async def crash_during_the_call(rig: Rig, *, after_the_effect: bool) -> None:
    """The agent dies between call and reply; the target has changed already, or not."""

    def change() -> None:
        seen = rig.executor.world[API]
        rig.clock.move(1)
        rig.executor.world[API] = replace(seen, oldest_start=rig.clock.now())

    await (die_during_the_call(rig, change) if after_the_effect else die_during_the_call(rig))


async def test_an_action_left_running_that_took_effect_is_verified_and_not_repeated(rig: Rig) -> None:
    await crash_during_the_call(rig, after_the_effect=True)
    await rig.run_for(5)

    assert len(rig.executor.calls) == 1
    assert EventKind.VERIFIED in await rig.kinds()


async def test_an_action_left_running_that_nobody_can_tell_of_is_unknown_and_a_person_is_called_once(rig: Rig) -> None:
    await crash_during_the_call(rig, after_the_effect=False)
    rig.executor.world[API] = replace(rig.executor.world[API], ready=0)
    await rig.run_for(200)

    assert len(rig.executor.calls) == 1
    [action] = await rig.actions()
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.UNKNOWN
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1


async def test_an_action_left_running_may_still_be_on_its_way_until_its_deadline(rig: Rig) -> None:
    await crash_during_the_call(rig, after_the_effect=False)
    await rig.run_for(54)

    [action] = await rig.actions()
    assert action.state is ActionState.RUNNING


async def test_an_action_that_never_arrived_is_decided_anew_as_another_one(rig: Rig) -> None:
    await crash_during_the_call(rig, after_the_effect=False)
    rig.executor.before = lambda: None
    await rig.run_for(200)

    first, second = await rig.actions()
    assert (first.outcome.status, second.outcome.status) == (OutcomeStatus.NOT_DONE, OutcomeStatus.DONE)
    assert second.started_at - first.started_at >= timedelta(seconds=120)  # the cooldown counts from the first
    assert EventKind.ESCALATED not in await rig.kinds()


async def test_the_intent_is_on_record_before_the_executor_is_called(rig: Rig) -> None:
    await crash_during_the_call(rig, after_the_effect=False)

    [action] = await rig.actions()
    assert action.state is ActionState.RUNNING
    assert action.started_at is not None


async def fail_to_store_the_intent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan and decision are stored; then the disk is full for a moment."""
    real = rig.store.write
    writes = 0

    async def write(work):
        nonlocal writes
        writes += 1
        if writes == 3:
            raise StoreError("disk full")
        return await real(work)

    await rig.hear()
    with monkeypatch.context() as patch:
        store_each_stage_alone(patch)
        patch.setattr(rig.store, "write", write)
        with pytest.raises(StoreError):
            await rig.run()


async def test_nothing_is_called_when_the_intent_cannot_be_stored(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await fail_to_store_the_intent(rig, monkeypatch)

    assert rig.executor.calls == []


async def test_an_allowed_action_whose_turn_comes_late_is_decided_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail_to_store_the_intent(rig, monkeypatch)
    rig.clock.move(31)
    rig.probe.status = EvidenceStatus.DOES_NOT_HOLD
    await rig.run_for(2)

    assert rig.executor.calls == []
    [action] = await rig.actions()
    assert action.decision.rule == "evidence_holds"


async def test_an_alert_that_joins_during_a_repair_is_planned_for_afterwards(rig: Rig) -> None:
    await rig.hear(instance="crm:8000")
    await rig.run_for(1)
    await rig.hear(instance="crm:8001")
    await rig.run_for(4)
    await rig.hear(firing=False, instance="crm:8000")
    await rig.run_for(200)

    assert len(rig.executor.calls) == 2
    assert [plan for plan, _ in rig.probe.asked if "crm:8001" in plan]


async def test_an_alert_that_fires_on_after_a_verified_repair_calls_a_person_in_the_end(rig: Rig) -> None:
    await rig.hear()
    await rig.run_for(14 * 60)
    assert not (await rig.incident()).escalated

    await rig.run_for(5 * 60)
    kinds = await rig.kinds()
    assert (await rig.incident()).escalated
    assert kinds.count(EventKind.ESCALATED) == 1
    assert len(rig.executor.calls) == 1


async def test_a_denial_that_goes_on_too_long_calls_a_person_once_and_is_decided_on(rig: Rig) -> None:
    rig.probe.status = EvidenceStatus.NO_DATA
    rig.change(options=PipelineOptions(redecide_interval=timedelta(seconds=30)))
    await rig.hear()
    await rig.run_for(14 * 60)
    assert not (await rig.incident()).escalated

    await rig.run_for(3600)
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(31)
    assert len(rig.executor.calls) == 1


async def test_an_alert_that_no_playbook_knows_is_called_for_whatever_else_waits(rig: Rig) -> None:
    rig.probe.status = EvidenceStatus.NO_DATA
    await rig.hear()
    await rig.run_for(5)
    await rig.hear("SomethingElse")
    await rig.run_for(5)
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1

    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(5)
    assert len(rig.executor.calls) == 1


async def test_an_alert_that_no_playbook_knows_is_called_for_beside_one_that_is_known(rig: Rig) -> None:
    rig.change(ceiling=Mode.OBSERVE)
    await rig.hear("Aardvark")
    await rig.hear()
    await rig.run_for(5)

    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1
    assert [action.decision.effect for action in await rig.actions()] == [Effect.OBSERVE]


async def test_a_target_that_cannot_be_looked_at_while_planning_is_looked_at_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(1)),))

    async def away(*_: object, **__: object) -> None:
        raise UnreachableError("the lab is away")

    await rig.hear()
    with monkeypatch.context() as patch:
        patch.setattr(rig.executor, "observe", away)
        await rig.run_for(10)
    assert EventKind.PLANNED not in await rig.kinds()

    await rig.run_for(5)
    assert rig.executor.world[API].wanted == 2


async def test_a_verdict_that_comes_late_is_still_a_good_one(rig: Rig) -> None:
    def not_scraped_yet() -> None:
        rig.probe.status = EvidenceStatus.NO_DATA

    rig.executor.before = not_scraped_yet
    await rig.hear()
    await rig.run_for(1)
    rig.clock.move(90)  # the agent was away
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.run_for(5)

    assert EventKind.VERIFIED in await rig.kinds()
    assert not (await rig.incident()).hands_off


async def test_a_plan_that_waits_for_a_person_is_never_swapped_under_him(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    other = replace(
        with_step(playbook, verb=Verb.ROLLBACK),
        name=PlaybookName("other"),
        match=(Matcher("alertname", MatchOperator.EQUAL, "B"),),
    )
    modes = {PlaybookName("restart-crm-api"): Mode.APPROVE, PlaybookName("other"): Mode.APPROVE}
    rig.change(playbooks=(playbook, other), modes=modes)
    await rig.hear()
    await rig.run_for(2)
    await rig.hear("B")
    await rig.run_for(2)

    [first] = await rig.actions()
    assert (first.plan.verb, first.state) == (Verb.RESTART, ActionState.WAITING_APPROVAL)

    await rig.hear(firing=False)
    await rig.run_for(2)
    first, second = await rig.actions()
    assert first.state is ActionState.REFUSED
    assert (second.plan.verb, second.state) == (Verb.ROLLBACK, ActionState.WAITING_APPROVAL)

    await rig.hear("B", firing=False)
    await rig.run()
    assert {action.state for action in await rig.actions()} == {ActionState.REFUSED}


async def test_an_earlier_call_for_another_alert_does_not_silence_a_later_one(rig: Rig) -> None:
    await rig.hear("SomethingElse")
    await rig.run_for(5)
    await rig.hear("SomethingElse", firing=False, minutes=1)
    await rig.hear()
    await rig.run_for(20 * 60)

    assert (await rig.kinds()).count(EventKind.ESCALATED) == 2


async def test_an_alert_that_ends_between_deciding_and_acting_is_not_acted_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail_to_store_the_intent(rig, monkeypatch)
    await rig.hear(firing=False)
    await rig.run_for(5)

    assert rig.executor.calls == []
    assert (await rig.incident()).status is IncidentStatus.RESOLVED


async def test_several_incidents_that_want_one_target_at_once_get_it_once(rig: Rig) -> None:
    for tenant in ("a", "b", "c", "d", "e"):
        await rig.hear(tenant=tenant)
    due = await rig.store.read(lambda tx: tx.incidents.due(rig.clock.now(), limit=10))
    await asyncio.gather(*(advance(rig.world, incident_id, rig.metrics) for incident_id, _ in due))

    begun = [action for action in await rig.actions() if action.started_at is not None]
    assert len(due) == 5
    assert len(begun) == len(rig.executor.calls) == 1


async def test_evidence_that_changes_its_mind_between_deciding_and_acting_is_asked_again_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_each_stage_alone(monkeypatch)
    answers = itertools.cycle([EvidenceStatus.HOLDS, EvidenceStatus.DOES_NOT_HOLD])

    class Fickle:
        async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:
            rig.probe.status = next(answers)
            return await rig.probe.check(source, query, newer_than=newer_than)

    rig.change(probe=Fickle())
    await rig.hear()
    await asyncio.wait_for(rig.run(), timeout=10)

    assert rig.executor.calls == []
    assert (await rig.kinds()).count(EventKind.ACTION_FINISHED) == 1
    assert (await rig.incident()).wake_at == rig.clock.now() + timedelta(seconds=1)

    await rig.run_for(30)
    assert (await rig.kinds()).count(EventKind.ACTION_FINISHED) == 1


async def test_two_workers_on_one_allowed_action_call_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await fail_to_store_the_intent(rig, monkeypatch)
    incident = await rig.incident()
    await asyncio.gather(
        advance(rig.world, incident.id, rig.metrics),
        advance(rig.world, incident.id, rig.metrics),
        return_exceptions=True,
    )

    kinds = await rig.kinds()
    assert incident.stage is Stage.ACT
    assert len(rig.executor.calls) == kinds.count(EventKind.ACTION_STARTED) == 1


async def test_a_refused_action_that_is_allowed_later_starts_with_a_clean_record(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail_to_store_the_intent(rig, monkeypatch)
    rig.clock.move(31)
    seen: list[tuple[str, int | None, str | None]] = []

    def look() -> None:
        with sqlite3.connect(rig.database) as raw:
            seen.extend(raw.execute("SELECT state, finished_at, outcome FROM actions").fetchall())
        raw.close()

    rig.executor.before = look
    await rig.run_for(2)

    assert seen == [("running", None, None)]


@pytest.mark.parametrize("is_running", [False, True], ids=["before the call", "during the call"])
async def test_a_target_taken_out_of_the_settings_calls_a_person_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, is_running: bool
) -> None:
    if is_running:
        await crash_during_the_call(rig, after_the_effect=False)
    else:
        await fail_to_store_the_intent(rig, monkeypatch)
    calls = len(rig.executor.calls)
    rig.change(targets={})
    await rig.run_for(60)

    assert len(rig.executor.calls) == calls
    assert (await rig.kinds()).count(EventKind.ESCALATED) == 1
    [action] = await rig.actions()
    assert action.outcome is not None
    assert action.outcome.status is (OutcomeStatus.UNKNOWN if is_running else OutcomeStatus.FAILED)


async def test_a_verb_that_the_executor_cannot_do_is_not_tried(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.executor, "verbs", frozenset({Verb.SCALE}))
    await rig.hear()
    await rig.run()

    assert rig.executor.calls == []
    assert EventKind.ESCALATED in await rig.kinds()


@pytest.mark.parametrize(("replicas", "status"), [(2, OutcomeStatus.DONE), (1, OutcomeStatus.NOT_DONE)])
async def test_a_scale_left_running_is_done_only_when_the_target_shows_it(
    rig: Rig, replicas: int, status: OutcomeStatus
) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(1)),))
    await crash_during_the_call(rig, after_the_effect=False)
    rig.executor.world[API] = replace(rig.executor.world[API], wanted=replicas, ready=replicas)
    await rig.run_for(61)

    action = (await rig.actions())[0]
    assert action.outcome is not None
    assert action.outcome.status is status


async def test_a_cooldown_longer_than_an_hour_is_kept(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(replace(playbook, cooldown=timedelta(hours=3)),))
    rig.change(options=PipelineOptions(redecide_interval=timedelta(minutes=5)))
    await rig.hear()
    await rig.run_for(60)
    await rig.hear(firing=False)
    await rig.run_for(2 * 3600)
    await rig.hear()
    await rig.run_for(60)

    assert len(rig.executor.calls) == 1


async def test_a_firing_that_comes_while_closing_keeps_the_incident_open(rig: Rig) -> None:
    await rig.hear("SomethingElse")
    await rig.run()
    await rig.hear("SomethingElse", firing=False)
    rig.clock.move(1)
    await rig.hear("SomethingElse")
    await rig.run_for(3)

    assert (await rig.incident()).status is IncidentStatus.OPEN


async def test_a_scale_playbook_adds_to_what_is_wanted_now(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    scaling = with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(1))
    rig.change(playbooks=(scaling,), modes={PlaybookName("restart-crm-api"): Mode.AUTO})
    await rig.hear()
    await rig.run_for(5)

    assert rig.executor.world[API].wanted == 2


async def test_a_rollback_goes_to_the_release_before(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.ROLLBACK),))
    await rig.hear()
    await rig.run_for(5)

    assert rig.executor.world[API].release == "1.0.0"


def test_a_plan_reads_as_words() -> None:
    assert Plan(Verb.SCALE, API, replicas=3).words == "scale crm-api to 3"


async def test_where_no_playbook_acts_an_incident_is_looked_after_all_the_same(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    for playbooks in ((), (replace(playbook, steps=(), mode=Mode.OBSERVE),)):
        rig.change(playbooks=playbooks)
        await rig.hear(tenant=f"of-{len(playbooks)}")
    await rig.run_for(2)

    incidents, _ = await rig.store.read(lambda tx: tx.incidents.page(limit=9, before=None))
    assert {(each.stage, each.escalated) for each in incidents} == {(Stage.WATCH, True)}
