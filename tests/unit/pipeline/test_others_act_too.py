"""What others do meanwhile, people and other playbooks, is neither taken back nor run over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import ActionState, Outcome, Plan, Release, Replicas, Target, Verb, Verdict, Wish
from aetherlink.model.decisions import Effect, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, PlaybookName
from aetherlink.model.incidents import Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.playbooks import Matcher, MatchOperator, ScaleBy
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.step import Consent
from aetherlink.testing import START, MemoryExecutor
from rigs.pipeline import API, Rig, with_step

PLAYBOOK = PlaybookName("restart-crm-api")


def scaling(rig: Rig, by: int = 1) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(by)),))


def will_not_help(rig: Rig) -> None:
    def no_help() -> None:
        rig.probe.status = EvidenceStatus.DOES_NOT_HOLD

    rig.executor.before = no_help


def changed(rig: Rig, **world: object) -> None:
    rig.executor.world[API] = replace(rig.executor.world[API], **world)  # type: ignore[arg-type] - named by the test


async def texts(rig: Rig, kind: EventKind) -> list[str]:
    incident = await rig.incident()
    entries = await rig.store.read(lambda tx: tx.incidents.timeline(incident.id, limit=500, after=0))
    return [stored.entry.text for stored in entries if stored.entry.kind is kind]


async def test_a_number_that_a_person_has_set_meanwhile_is_not_taken_back(rig: Rig) -> None:
    scaling(rig)
    will_not_help(rig)
    await rig.hear()
    await rig.run_for(10)
    changed(rig, wanted=4, ready=4)
    await rig.run_for(120)

    assert rig.executor.calls == [Replicas(2)]
    assert await rig.store.read(lambda tx: [brake.scope for brake in tx.brakes.all()]) == ["target:crm-api"]
    [braked] = await texts(rig, EventKind.BRAKED)
    assert "changed by somebody else after it" in braked


async def test_a_release_that_a_person_has_deployed_meanwhile_is_not_taken_back(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.ROLLBACK),))
    will_not_help(rig)
    await rig.hear()
    await rig.run_for(10)
    changed(rig, release="1.2.0-hotfix", previous_release="1.0.0")
    await rig.run_for(120)

    assert rig.executor.calls == [Release("1.0.0")]
    assert rig.executor.world[API].release == "1.2.0-hotfix"


class MakesAnew(MemoryExecutor):
    """Whatever it does makes its target anew, as Docker has it of a release."""

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        outcome = await super().converge(target, wish, deadline=deadline)
        self.world[target.name] = replace(self.world[target.name], identity="the agent's")
        return outcome


@pytest.mark.parametrize(("identity", "is_undone"), [("theirs", False), ("the agent's", True), ("", True)])
async def test_a_container_that_a_person_made_anew_after_a_rollback_is_not_replaced(
    rig: Rig, identity: str, *, is_undone: bool
) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.ROLLBACK),))
    rig.executor = MakesAnew(rig.clock, [API])
    rig.change(executors={"memory": rig.executor})
    will_not_help(rig)
    changed(rig, identity="at first")
    await rig.hear()
    await rig.run()
    changed(rig, identity=identity)
    await rig.run_for(120)

    assert rig.executor.calls[0] == Release("1.0.0")
    assert len(rig.executor.calls) == 1 + is_undone


async def test_no_other_playbook_acts_on_what_is_being_verified(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    other = replace(
        with_step(playbook, verb=Verb.SCALE, scale=ScaleBy(2)),
        name=PlaybookName("other"),
        match=(Matcher("alertname", MatchOperator.EQUAL, "Other"),),
    )
    rig.change(playbooks=(playbook, other), modes={PLAYBOOK: Mode.AUTO, other.name: Mode.AUTO})
    rig.executor.before = lambda: setattr(rig.probe, "status", EvidenceStatus.NO_DATA)
    await rig.hear()
    await rig.run_for(5)
    rig.probe.status = EvidenceStatus.HOLDS
    await rig.hear("Other", service="elsewhere")
    for incident_id, _ in await rig.store.read(lambda tx: tx.incidents.due(rig.clock.now(), limit=9)):
        assert incident_id
    rig.clock.move(0.5)
    await rig.run()

    newest = (await rig.actions())[-1]
    assert (newest.plan.playbook, newest.decision.effect, newest.decision.rule) == (
        other.name,
        Effect.DENY,
        "target_is_free",
    )


async def test_a_scale_is_planned_anew_when_somebody_has_scaled_meanwhile(rig: Rig) -> None:
    scaling(rig)
    await rig.store.write(lambda tx: tx.pauses.put(Pause(EVERYTHING, START, "a look", "ann")))
    await rig.hear()
    await rig.run_for(60)
    changed(rig, wanted=3, ready=3)
    await rig.store.write(lambda tx: tx.pauses.end(EVERYTHING))
    await rig.run_for(60)

    assert rig.executor.calls == [Replicas(4)]


async def test_a_playbook_that_was_changed_meanwhile_is_carried_out_as_it_stands(rig: Rig) -> None:
    await rig.store.write(lambda tx: tx.pauses.put(Pause(EVERYTHING, START, "a look", "ann")))
    await rig.hear()
    await rig.run_for(60)
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.ROLLBACK),))
    await rig.store.write(lambda tx: tx.pauses.end(EVERYTHING))
    await rig.run_for(60)

    assert rig.executor.calls == [Release("1.0.0")]


async def test_a_request_whose_playbook_was_changed_is_taken_back_and_asked_anew(rig: Rig) -> None:
    rig.change(modes={PLAYBOOK: Mode.APPROVE})
    await rig.hear()
    await rig.run_for(5)
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(with_step(playbook, verb=Verb.ROLLBACK),))
    await rig.run_for(5)

    plans = [(action.plan.verb, action.state.value) for action in await rig.actions()]
    assert plans == [(Verb.RESTART, "refused"), (Verb.ROLLBACK, "waiting_approval")]


async def test_what_was_approved_waits_for_what_passes_by_itself(rig: Rig) -> None:
    rig.change(modes={PLAYBOOK: Mode.APPROVE})
    await rig.hear()
    await rig.run_for(5)
    [asked] = await rig.actions()
    running = replace(
        asked,
        id=ActionId("act-busy"),
        plan=Plan(Verb.RESTART, API),
        approval=None,
        state=ActionState.RUNNING,
        started_at=rig.clock.now(),
        incident_id=None,
    )
    await rig.store.write(lambda tx: tx.actions.put(running))
    await rig.approvals().approve(asked.id, asked.approval.plan_hash, by="ann")
    await rig.run_for(120)
    assert rig.executor.calls == []
    told = [text for text in await texts(rig, EventKind.DECIDED) if "is approved and waits" in text]
    assert len(told) == 1

    ended = replace(running, state=ActionState.FINISHED, finished_at=rig.clock.now())
    await rig.store.write(lambda tx: tx.actions.put(ended))
    await rig.run_for(10)
    assert len(rig.executor.calls) == 1


async def test_a_second_person_is_asked_for_when_a_vip_joins_while_people_think(rig: Rig) -> None:
    rig.change(modes={PLAYBOOK: Mode.APPROVE}, consent=Consent(second_person_for_vip=True))
    await rig.hear()
    await rig.run_for(5)
    [asked] = await rig.actions()
    incident = await rig.incident()
    await rig.store.write(lambda tx: tx.incidents.update(replace(incident, vip=True, wake_at=rig.clock.now()), []))
    await rig.approvals().approve(asked.id, asked.approval.plan_hash, by="ann")
    await rig.run_for(5)

    [action] = await rig.actions()
    assert rig.executor.calls == []
    assert (action.approval.needed, action.approval.grants) == (2, ())


async def test_an_undo_that_cannot_be_done_brakes_the_target(rig: Rig) -> None:
    scaling(rig)
    will_not_help(rig)
    await rig.hear()
    await rig.run_for(10)
    rig.executor.verbs = frozenset({Verb.RESTART})
    await rig.run_for(120)

    assert await rig.store.read(lambda tx: [brake.scope for brake in tx.brakes.all()]) == ["target:crm-api"]
    assert (await rig.actions())[0].verdict is Verdict.NOT_RECOVERED


async def test_who_lets_go_of_a_loop_brake_is_not_called_again_for_the_same_hour(rig: Rig) -> None:
    [playbook] = rig.world.playbooks
    rig.change(playbooks=(replace(playbook, cooldown=timedelta(seconds=1), per_hour=2),))
    rig.change(options=PipelineOptions(redecide_interval=timedelta(seconds=30)))
    for _ in range(3):
        await rig.hear()
        await rig.run_for(60)
        await rig.hear(firing=False)
        await rig.run_for(11 * 60)
    await rig.hear()
    await rig.run_for(40)
    [brake] = await rig.store.read(lambda tx: tx.brakes.all())
    await rig.approvals().release(brake.scope, "looked at it", by="ann")
    await rig.run_for(300)

    assert await rig.store.read(lambda tx: tx.brakes.all()) == []


@pytest.mark.parametrize("minutes", [14, 16])
async def test_a_person_is_called_when_a_target_cannot_be_planned_for(rig: Rig, minutes: float) -> None:
    scaling(rig)
    rig.change(options=PipelineOptions())
    rig.executor.world.clear()
    await rig.hear()
    await rig.run_for(minutes * 60)

    assert len(await texts(rig, EventKind.ESCALATED)) == (1 if minutes > 15 else 0)


@pytest.mark.parametrize("minutes", [14, 16])
async def test_what_was_only_observed_and_does_not_end_calls_a_person(rig: Rig, minutes: float) -> None:
    rig.change(ceiling=Mode.OBSERVE)
    await rig.hear()
    await rig.run_for(minutes * 60)

    assert len(await texts(rig, EventKind.ESCALATED)) == (1 if minutes > 15 else 0)
    assert (await rig.incident()).stage is Stage.WATCH
