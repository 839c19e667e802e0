"""A playbook acts above the mode of its file when a person has promoted it, for as long as its repairs help."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.agent_record import AgentRecord
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.demotion import Demotion
from aetherlink.errors import BadRequestError, ConflictError, NotFoundError
from aetherlink.model.actions import Action, ActionState, Target, Verdict
from aetherlink.model.decisions import Effect, Evidence, Mode
from aetherlink.model.ids import PlaybookName, SourceName
from aetherlink.model.incidents import Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import DemotionBounds, Promotion, PromotionState
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.runner import Runner
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import load_playbook, load_playbooks
from aetherlink.ports import Probe
from aetherlink.promotion_commands import PromotionCommands, PromotionOptions
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, fixed_key
from rigs.pipeline import API, NoWaker, Rig, with_step
from rigs.repairs import FAILS, HOLDS, release, said, signal_of

NAME = "restart-crm-api"
BOUNDS = DemotionBounds(in_a_row=2, over=4, least_share=0.8)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """The playbook observes by its own file, as a fresh install has it."""
    rig.change(modes={}, demotion=BOUNDS)
    signal_of(rig)
    return rig


@pytest.fixture
def people(rig: Rig) -> PromotionCommands:
    return commands(rig)


def commands(rig: Rig, *, ceiling: Mode = Mode.AUTO, modes: dict[str, Mode] | None = None) -> PromotionCommands:
    return PromotionCommands(
        rig.store,
        clock=rig.clock,
        waker=NoWaker(),
        record=AgentRecord(ids=rig.world.ids, source=SourceName("lab")),
        playbooks=Book(rig.world.playbooks, ceiling=ceiling, modes=modes or {}),
    )


def saying(rig: Rig) -> ApprovalCommands:
    """What people say to its actions, with what follows for promotions."""
    record = AgentRecord(ids=rig.world.ids, source=SourceName("lab"))
    return ApprovalCommands(
        rig.store,
        clock=rig.clock,
        waker=NoWaker(),
        record=record,
        requester_may_approve=True,
        demotion=Demotion(record, BOUNDS, lambda: rig.world.playbooks),
    )


def playbook(rig: Rig) -> Playbook:
    [found] = rig.world.playbooks
    return found


async def promoted(rig: Rig, to: Mode = Mode.AUTO) -> Promotion:
    return await commands(rig).promote(NAME, to, "it would have been right", digest=playbook(rig).digest, by="ann")


async def fires_once(rig: Rig) -> Action:
    """One outage from alert to end; what was decided about it last. What a failed one left behind is let go of."""
    await rig.hear()
    await rig.run_for(150)
    await rig.hear(firing=False)
    await rig.run_for(60)
    for brake in await rig.store.read(lambda rows: rows.brakes.all()):
        await release(rig, brake.scope)
    rig.clock.move(3600)
    return (await rig.actions())[-1]


async def of_agent(rig: Rig) -> list[Entry]:
    """What the agent's own timeline says of playbooks."""
    record = await rig.store.read(lambda rows: rows.incidents.latest_by_key("agent:playbooks"))
    assert record is not None
    stored = await rig.store.read(lambda rows: rows.incidents.timeline(record.id, limit=100, after=0))
    return [one.entry for one in stored]


async def test_nothing_is_promoted_by_itself_however_right_it_would_have_been(rig: Rig) -> None:
    for _ in range(5):
        action = await fires_once(rig)
        assert (action.decision.effect, action.decision.rule) == (Effect.OBSERVE, "mode_allows")

    assert rig.executor.calls == []
    assert await rig.store.read(lambda rows: rows.promotions.all()) == []


async def test_a_promoted_playbook_acts_and_is_on_record(rig: Rig) -> None:
    await promoted(rig)
    action = await fires_once(rig)

    assert action.state is ActionState.FINISHED
    assert len(rig.executor.calls) == 1
    [entry] = await of_agent(rig)
    assert entry.kind is EventKind.PROMOTED
    assert entry.facts == {
        "playbook": NAME, "from": "observe", "to": "auto", "by": "ann", "reason": "it would have been right",
        "digest": playbook(rig).digest,
    }  # fmt: skip


async def test_promoted_to_approve_it_asks(rig: Rig) -> None:
    await promoted(rig, Mode.APPROVE)
    await rig.hear()
    await rig.run_for(5)

    [action] = await rig.actions()
    assert action.state is ActionState.WAITING_APPROVAL
    assert rig.executor.calls == []


async def test_a_promotion_outlives_a_restart(rig: Rig) -> None:
    given = await promoted(rig)
    rig.store.close()
    again = SqlStore(rig.database, key=fixed_key)
    again.open()
    assert await again.read(lambda rows: rows.promotions.all()) == [given]
    again.close()


@pytest.mark.parametrize("changes", [{"digest": "another"}, {"digest": ""}])
async def test_a_changed_file_has_its_own_mode_again(rig: Rig, changes: dict[str, str]) -> None:
    await promoted(rig)
    rig.change(playbooks=(replace(playbook(rig), **changes),))
    action = await fires_once(rig)

    assert action.decision.effect is Effect.OBSERVE
    assert rig.executor.calls == []


@pytest.mark.parametrize(
    ("bound", "effect"),
    [
        ({"ceiling": Mode.OBSERVE}, Effect.OBSERVE),
        ({"ceiling": Mode.APPROVE}, Effect.NEEDS_APPROVAL),
        ({"modes": {NAME: Mode.OBSERVE}}, Effect.OBSERVE),
        ({"targets": {API: Target(API, "memory", "crm", mode=Mode.APPROVE)}}, Effect.NEEDS_APPROVAL),
    ],
)
async def test_no_promotion_is_above_what_the_settings_say_today(
    rig: Rig, bound: dict[str, object], effect: Effect
) -> None:
    await promoted(rig)
    rig.change(**bound)
    await rig.hear()
    await rig.run_for(5)

    [action] = await rig.actions()
    assert action.decision.effect is effect
    assert rig.executor.calls == []


async def test_repairs_that_keep_failing_set_it_back_and_say_so(rig: Rig) -> None:
    await promoted(rig)
    signal_of(rig, FAILS)
    await fires_once(rig)
    [still] = await rig.store.read(lambda rows: rows.promotions.all())
    assert still.ended_at is None, "one failure is not several"
    await fires_once(rig)
    [ended] = await rig.store.read(lambda rows: rows.promotions.all())
    calls = len(rig.executor.calls)
    third = await fires_once(rig)

    why = "the last 2 repairs in a row did not help"
    assert (ended.ended_by, ended.ended_because) == ("agent", why)
    assert third.decision.effect is Effect.OBSERVE
    assert len(rig.executor.calls) == calls == 2
    demoted = [entry for entry in await of_agent(rig) if entry.kind is EventKind.DEMOTED]
    assert [(one.facts["from"], one.facts["to"], one.facts["by"]) for one in demoted] == [("auto", "observe", "agent")]
    told = [entry.text for entry in await said(rig, EventKind.DEMOTED)]
    assert sorted(told) == sorted(
        f"{before}playbook {NAME} is set back from auto to observe: {why}" for before in ("", "a person has to look: ")
    )


async def test_a_repair_that_helped_between_two_failures_keeps_it_until_too_few_help(rig: Rig) -> None:
    await promoted(rig)
    for verdict in (FAILS, HOLDS, FAILS):
        signal_of(rig, verdict)
        await fires_once(rig)
    [still] = await rig.store.read(lambda rows: rows.promotions.all())
    assert still.ended_at is None
    for verdict in (HOLDS, FAILS):
        signal_of(rig, verdict)
        await fires_once(rig)
    [ended] = await rig.store.read(lambda rows: rows.promotions.all())

    assert ended.ended_because == "of the last 4 repairs 2 helped, fewer than 80%"


async def test_who_promotes_it_again_gives_it_a_new_count(rig: Rig) -> None:
    await promoted(rig)
    signal_of(rig, FAILS)
    for _ in range(2):
        await fires_once(rig)
    await promoted(rig)
    await fires_once(rig)

    [promotion] = await rig.store.read(lambda rows: rows.promotions.all())
    assert promotion.ended_at is None
    assert len(rig.executor.calls) == 3


async def test_a_playbook_whose_file_says_auto_is_not_the_agents_to_change(rig: Rig) -> None:
    rig.change(playbooks=(replace(playbook(rig), mode=Mode.AUTO),))
    signal_of(rig, FAILS)
    for _ in range(3):
        await fires_once(rig)

    assert len(rig.executor.calls) == 3
    assert await rig.store.read(lambda rows: rows.promotions.all()) == []


async def test_a_person_sets_it_back_at_once(rig: Rig, people: PromotionCommands) -> None:
    await promoted(rig)
    lower = await people.demote(NAME, Mode.APPROVE, "the night is long", by="bob")
    assert (lower.mode, lower.ended_at) == (Mode.APPROVE, None)
    ended = await people.demote(NAME, Mode.OBSERVE, "the night is longer", by="bob")

    assert (ended.ended_by, ended.ended_because) == ("bob", "the night is longer")
    assert (await fires_once(rig)).decision.effect is Effect.OBSERVE
    kinds = [(entry.kind, entry.facts["from"], entry.facts["to"]) for entry in await of_agent(rig)]
    assert kinds == [
        (EventKind.PROMOTED, "observe", "auto"),
        (EventKind.DEMOTED, "auto", "approve"),
        (EventKind.DEMOTED, "approve", "observe"),
    ]
    with pytest.raises(ConflictError, match="is that of its file"):
        await people.demote(NAME, Mode.OBSERVE, "again", by="bob")


async def test_it_is_never_set_below_its_own_file(rig: Rig) -> None:
    rig.change(playbooks=(replace(playbook(rig), mode=Mode.APPROVE),))
    await promoted(rig)
    ended = await commands(rig).demote(NAME, Mode.OBSERVE, "no", by="bob")

    assert ended.ended_by == "bob"
    assert (await of_agent(rig))[-1].facts["to"] == "approve"


async def test_said_again_it_changes_nothing_and_is_said_once(rig: Rig) -> None:
    first = await promoted(rig)
    rig.clock.move(60)
    assert await promoted(rig) == first
    assert len(await of_agent(rig)) == 1
    with pytest.raises(ConflictError, match="auto already"):
        await promoted(rig, Mode.APPROVE)


@pytest.mark.parametrize(
    ("asked", "book", "error", "why"),
    [
        ({"digest": "other"}, {}, ConflictError, "another one now"),
        ({"name": "nothing"}, {}, NotFoundError, "no playbook 'nothing'"),
        ({"to": Mode.OBSERVE}, {}, BadRequestError, "approve or auto"),
        ({"reason": " "}, {}, BadRequestError, "write 1 to"),
        ({}, {"ceiling": Mode.APPROVE}, ConflictError, "`mode: approve`"),
        ({}, {"modes": {NAME: Mode.APPROVE}}, ConflictError, "playbook_modes"),
    ],
)
async def test_what_cannot_be_promoted_says_why(
    rig: Rig, asked: dict[str, object], book: dict[str, object], error: type[Exception], why: str
) -> None:
    wish = {"name": NAME, "to": Mode.AUTO, "reason": "why not", "digest": playbook(rig).digest, **asked}
    with pytest.raises(error, match=why):
        await commands(rig, **book).promote(  # type: ignore[arg-type] - the test names them
            wish["name"], wish["to"], wish["reason"], digest=wish["digest"], by="ann"
        )

    assert await rig.store.read(lambda rows: rows.promotions.all()) == []


async def test_the_ceiling_of_its_file_holds_for_promotions_that_were_there_before_it(rig: Rig) -> None:
    await promoted(rig)
    rig.change(playbooks=(replace(playbook(rig), ceiling=Mode.APPROVE),))
    await rig.hear()
    await rig.run_for(5)

    [action] = await rig.actions()
    assert action.decision.effect is Effect.NEEDS_APPROVAL
    with pytest.raises(ConflictError, match="`ceiling: approve`"):
        await promoted(rig)


def test_what_only_observes_has_nothing_to_be_promoted_to() -> None:
    watchdog = next(one for one in load_playbooks(None) if not one.steps)
    promotion = Promotion(watchdog.name, Mode.AUTO, watchdog.digest, START, "ann", "")

    assert Book((watchdog,), ceiling=Mode.AUTO, modes={}).mode_of(watchdog, promotion) is Mode.OBSERVE


BUILTIN = Path(__file__).parents[3] / "src/aetherlink/playbooks/builtin/restart-crm-api.yaml"


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (lambda text: f"# a remark\n{text}\n", True),
        (lambda text: "\n".join(sorted(text.splitlines(), reverse=True)), True),
        (lambda text: text.replace("within: 60s", "within: 61s"), False),
        (lambda text: text.replace("up == 0", "up  == 0"), False),
        (lambda text: text.replace("mode: observe", "mode: approve"), False),
        (lambda text: f"{text}\nceiling: auto\n", False),
    ],
)
def test_a_promotion_is_for_what_the_file_says_not_for_how_it_looks(tmp_path: Path, change, is_same: bool) -> None:
    text = BUILTIN.read_text()
    changed = tmp_path / "changed.yaml"
    changed.write_text(change(text))
    assert changed.read_text() != text

    assert (load_playbook(changed).digest == load_playbook(BUILTIN).digest) is is_same


async def test_the_metrics_tell_how_promotions_stand(rig: Rig) -> None:
    registry = CollectorRegistry()
    runner = Runner(rig.world, PipelineMetrics(registry))

    async def counted() -> dict[str, float | None]:
        await runner._count(rig.clock.now())
        return {
            state.value: registry.get_sample_value("aether_agent_promotions", {"state": state.value})
            for state in PromotionState
        }

    none = dict.fromkeys(map(str, PromotionState), 0.0)
    assert await counted() == none
    await promoted(rig)
    assert await counted() == {**none, "in_force": 1.0}
    runner.use((replace(playbook(rig), digest="another"),))
    assert await counted() == {**none, "lapsed": 1.0}
    runner.use(())
    assert await counted() == {**none, "lapsed": 1.0}
    signal_of(rig, FAILS)
    for _ in range(2):
        await fires_once(rig)
    assert await counted() == {**none, "set_back": 1.0}


@dataclass
class SetBackMeanwhile:
    """A probe while whose first answer a person sets the playbook back."""

    rig: Rig
    probe: Probe
    is_done: bool = False

    async def check(self, *asked: object, **how: object) -> Evidence:
        if not self.is_done:
            self.is_done = True
            await commands(self.rig).demote(NAME, Mode.OBSERVE, "stop", by="bob")
        return await self.probe.check(*asked, **how)


@pytest.mark.parametrize(("own", "effect"), [(Mode.OBSERVE, Effect.OBSERVE), (Mode.APPROVE, Effect.NEEDS_APPROVAL)])
async def test_what_was_allowed_a_moment_before_is_decided_anew_when_it_is_set_back(
    rig: Rig, own: Mode, effect: Effect
) -> None:
    rig.change(playbooks=(replace(playbook(rig), mode=own),))
    await promoted(rig)
    rig.change(probe=SetBackMeanwhile(rig, rig.world.probe))
    await rig.hear()
    await rig.run_for(60)

    assert rig.world.probe.is_done
    assert rig.executor.calls == []
    assert (await rig.actions())[-1].decision.effect is effect


def test_the_settings_are_the_bounds_of_the_model() -> None:
    assert PromotionOptions().bounds == DemotionBounds()


def rewritten(rig: Rig, **step: object) -> Playbook:
    """Another content of the file, in force from now on."""
    changed = replace(with_step(playbook(rig), **step), digest="d" * 64)
    rig.change(playbooks=(changed,))
    return changed


async def held_by_a_pause(rig: Rig) -> None:
    """An outage for which the playbook's plan waits for a pause to end."""
    await rig.store.write(lambda rows: rows.pauses.put(Pause(EVERYTHING, START, "deploy", "ann")))
    await rig.hear()
    await rig.run_for(3)
    [action] = await rig.actions()
    assert action.decision.effect is Effect.DENY


async def let_go_of_the_pause(rig: Rig) -> None:
    await rig.store.write(lambda rows: rows.pauses.end(EVERYTHING))
    await rig.run_for(60)


@pytest.mark.parametrize("own", [Mode.OBSERVE, Mode.AUTO])
async def test_a_plan_of_the_old_content_does_not_run_under_the_promotion_of_the_new_one(rig: Rig, own: Mode) -> None:
    await held_by_a_pause(rig)
    rig.change(playbooks=(replace(rewritten(rig, name="gently"), mode=own),))
    if own is Mode.OBSERVE:
        await promoted(rig)
    await let_go_of_the_pause(rig)

    assert rig.executor.calls == []
    incident_id = (await rig.actions())[0].incident_id
    assert incident_id is not None
    incident = await rig.store.read(lambda rows: rows.incidents.get(incident_id))
    assert incident is not None
    assert (incident.stage, incident.escalated) == (Stage.DECIDE, True)
    told = [entry.text for entry in await said(rig, EventKind.ESCALATED)]
    assert told == ["a person has to look: its playbook was changed since, and as it is now nothing can be planned"]


async def test_what_the_new_content_plans_for_the_same_alert_runs_under_its_promotion(rig: Rig) -> None:
    await held_by_a_pause(rig)
    changed = rewritten(rig, undo=False)
    await promoted(rig)
    await let_go_of_the_pause(rig)

    ran = [one.plan.digest for one in await rig.actions() if one.started_at is not None]
    assert ran == [changed.digest]


async def test_what_waits_for_a_yes_is_asked_anew_once_its_file_was_changed(rig: Rig) -> None:
    await promoted(rig, Mode.APPROVE)
    await rig.hear()
    await rig.run_for(5)
    rewritten(rig)
    await promoted(rig, Mode.APPROVE)
    await rig.run_for(60)

    first, second = await rig.actions()
    assert (first.state, second.state) == (ActionState.REFUSED, ActionState.WAITING_APPROVAL)
    assert second.plan == replace(first.plan, digest="d" * 64)


async def test_a_yes_to_what_the_old_content_planned_is_none_to_the_new_one(rig: Rig) -> None:
    await promoted(rig, Mode.APPROVE)
    await rig.hear()
    await rig.run_for(5)
    [action] = await rig.actions()
    assert action.approval is not None
    await rig.approvals().approve(action.id, action.approval.plan_hash, by="bob")
    rewritten(rig)
    await promoted(rig, Mode.APPROVE)
    await rig.run_for(60)

    assert rig.executor.calls == []
    assert [one.state for one in await rig.actions()] == [ActionState.REFUSED, ActionState.WAITING_APPROVAL]


async def test_an_upgrade_voids_no_request_whose_plan_knows_no_content(rig: Rig) -> None:
    rig.change(modes={PlaybookName(NAME): Mode.APPROVE})
    known = playbook(rig)
    rig.change(playbooks=(replace(known, digest=""),))
    await rig.hear()
    await rig.run_for(5)
    rig.change(playbooks=(known,))
    await rig.run_for(60)
    [action] = await rig.actions()
    assert action.approval is not None
    await rig.approvals().approve(action.id, action.approval.plan_hash, by="bob")
    await rig.run_for(60)

    assert len(rig.executor.calls) == 1


async def test_no_promotion_lifts_a_plan_that_knows_no_content(rig: Rig) -> None:
    given = await promoted(rig)
    await rig.hear()
    await rig.run_for(60)
    [action] = await rig.actions()

    assert rig.world.mode_of(action.plan, given) is Mode.AUTO
    assert rig.world.mode_of(replace(action.plan, digest=""), given) is Mode.OBSERVE


async def test_what_lapsed_is_not_back_when_the_file_is_put_back(rig: Rig) -> None:
    known = playbook(rig)
    await promoted(rig)
    rewritten(rig)
    await commands(rig).end_lapsed()
    rig.change(playbooks=(known,))
    action = await fires_once(rig)

    assert action.decision.effect is Effect.OBSERVE
    assert rig.executor.calls == []
    [ended] = await rig.store.read(lambda rows: rows.promotions.all())
    assert (ended.ended_by, ended.ended_because) == ("agent", "lapsed: its file was changed")
    assert ended.state_for(known) is PromotionState.LAPSED
    entry = (await of_agent(rig))[-1]
    assert entry.kind is EventKind.DEMOTED
    assert entry.text == f"the promotion of playbook {NAME} to auto has lapsed: its file was changed"
    assert (entry.facts["from"], entry.facts["to"], entry.facts["by"]) == ("auto", "observe", "agent")


async def test_what_lapsed_is_said_once_and_may_be_promoted_anew(rig: Rig) -> None:
    known = playbook(rig)
    await promoted(rig)
    rig.change(playbooks=())
    for _ in range(2):
        await commands(rig).end_lapsed()
    assert [entry.kind for entry in await of_agent(rig)] == [EventKind.PROMOTED, EventKind.DEMOTED]
    rig.change(playbooks=(known,))
    await promoted(rig)
    await commands(rig).end_lapsed()

    [promotion] = await rig.store.read(lambda rows: rows.promotions.all())
    assert promotion.ended_at is None


async def test_a_person_ends_what_has_lapsed_too(rig: Rig) -> None:
    known = playbook(rig)
    await promoted(rig)
    rewritten(rig)
    ended = await commands(rig).demote(NAME, Mode.APPROVE, "keep off", by="bob")
    rig.change(playbooks=(known,))

    assert (ended.ended_by, ended.ended_because) == ("bob", "keep off")
    assert (await of_agent(rig))[-1].facts["to"] == "observe"
    assert (await fires_once(rig)).decision.effect is Effect.OBSERVE


async def test_repairs_that_people_call_wrong_set_it_back(rig: Rig) -> None:
    await promoted(rig)
    first = await fires_once(rig)
    second = await fires_once(rig)
    await saying(rig).wrong(first.id, "the API was well", by="bob")
    [still] = await rig.store.read(lambda rows: rows.promotions.all())
    assert still.ended_at is None
    await saying(rig).wrong(second.id, "and again", by="bob")

    [ended] = await rig.store.read(lambda rows: rows.promotions.all())
    assert (ended.ended_by, ended.ended_because) == ("agent", "the last 2 repairs in a row did not help")
    assert [entry.kind for entry in await of_agent(rig)] == [EventKind.PROMOTED, EventKind.DEMOTED]
    assert len(await said(rig, EventKind.DEMOTED)) == 2, "its incident says it too"


async def ends_between_two_tries(rig: Rig) -> None:
    """One outage whose repair does not help, that ends by itself before the next try."""
    await rig.hear()
    await rig.run_for(1)
    while (await rig.actions())[-1].verdict is None:
        await rig.run_for(1)
    await rig.hear(firing=False)
    await rig.run_for(60)
    rig.clock.move(7200)


async def test_repairs_that_fail_set_it_back_though_none_is_ever_given_up(rig: Rig) -> None:
    rig.change(playbooks=(replace(playbook(rig), escalate_after=3),))
    await promoted(rig)
    signal_of(rig, FAILS)
    await ends_between_two_tries(rig)
    [still] = await rig.store.read(lambda rows: rows.promotions.all())
    assert still.ended_at is None
    await ends_between_two_tries(rig)

    assert len(rig.executor.calls) == 2
    assert await rig.store.read(lambda rows: rows.brakes.all()) == [], "nothing was given up"
    [ended] = await rig.store.read(lambda rows: rows.promotions.all())
    assert ended.ended_because == "the last 2 repairs in a row did not help"


async def test_a_try_that_fails_does_not_count_while_the_next_one_may_help(rig: Rig) -> None:
    rig.change(playbooks=(replace(playbook(rig), escalate_after=3, cooldown=timedelta(0)),))
    await promoted(rig)
    signal_of(rig, FAILS)
    await ends_between_two_tries(rig)
    await rig.hear()
    while len(rig.executor.calls) < 3:
        await rig.run_for(1)
    signal_of(rig, HOLDS)
    await rig.run_for(60)

    [still] = await rig.store.read(lambda rows: rows.promotions.all())
    assert still.ended_at is None
    assert [one.verdict for one in await rig.actions()][-2:] == [Verdict.NOT_RECOVERED, Verdict.RECOVERED]


async def test_two_who_promote_at_once_leave_one_row_and_no_error(rig: Rig) -> None:
    wishes = (promoted(rig), promoted(rig), promoted(rig, Mode.APPROVE))
    first, second, third = await asyncio.gather(*wishes, return_exceptions=True)

    assert first == second
    assert isinstance(third, ConflictError)
    [promotion] = await rig.store.read(lambda rows: rows.promotions.all())
    assert promotion.mode is Mode.AUTO
    assert len(await of_agent(rig)) == 1
