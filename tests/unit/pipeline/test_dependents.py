"""Dependents of a repaired target: restarted after it, in order, one at a time, each decided by itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aetherlink.errors import UnreachableError
from aetherlink.model.actions import Action, ActionState, Observation, Outcome, Target, Verb, Verdict, Wish
from aetherlink.model.brakes import Brake, target_scope
from aetherlink.model.decisions import Effect, Mode
from aetherlink.model.ids import PlaybookName, TargetName
from aetherlink.model.incidents import IncidentStatus, Stage
from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.model.playbooks import TargetChoice
from aetherlink.model.timeline import EventKind
from aetherlink.testing import ManualClock, MemoryExecutor
from rigs.pipeline import Rig
from rigs.repairs import FAILS, CrashError, braked, playbook_of, restrain, said, signal_of, wide

DB, API, CRON, WEB = (TargetName(name) for name in ("db", "api", "cron", "web"))
DEPENDS_ON = {DB: (), API: (DB,), CRON: (DB,), WEB: (API,)}
IN_ORDER = [DB, API, CRON, WEB]


class Hands(MemoryExecutor):
    """Remembers whom it was told to restart; those in `dead` do not come up, those in `hidden` show nothing."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, list(DEPENDS_ON))
        self.told: list[TargetName] = []
        self.dead: set[TargetName] = set()
        self.hidden: set[TargetName] = set()
        self.dies_at: TargetName | None = None

    async def observe(self, target: Target, *, deadline: timedelta) -> Observation:
        if target.name in self.hidden:
            raise UnreachableError("the executor does not answer")
        return await super().observe(target, deadline=deadline)

    async def converge(self, target: Target, wish: Wish, *, deadline: timedelta) -> Outcome:
        self.told.append(target.name)
        outcome = await super().converge(target, wish, deadline=deadline)
        if target.name in self.dead:
            self.world[target.name] = replace(self.world[target.name], ready=0)
        if target.name == self.dies_at:
            raise CrashError
        return outcome

    def starts(self, name: TargetName, at: datetime) -> None:
        """Somebody else starts it."""
        self.world[name] = replace(self.world[name], oldest_start=at)


@pytest.fixture
def hands(rig: Rig) -> Hands:
    """Four targets, and a playbook that restarts the database and then what depends on it."""
    hands = rig.executor = Hands(rig.clock)
    targets = {
        name: Target(name, "memory", f"{name}-service", depends_on=needed) for name, needed in DEPENDS_ON.items()
    }
    rig.change(executors={"memory": hands}, targets=targets)
    signal_of(rig)
    restrain(rig, budgets=wide())
    playbook_of(rig, target=TargetChoice(DB), dependents=True, verify_for=timedelta(seconds=3))
    return hands


def declare(rig: Rig, name: TargetName, **changes: object) -> None:
    """The target, otherwise."""
    changed = replace(rig.world.targets[name], **changes)  # type: ignore[arg-type] - fields are named by the test
    rig.change(targets={**rig.world.targets, name: changed})


async def repair(rig: Rig, seconds: float = 120) -> list[Action]:
    """The alert fires, and time passes."""
    await rig.hear(service="db-service")
    await rig.run_for(seconds)
    return await rig.actions()


async def until_turn(rig: Rig, name: TargetName) -> None:
    """Up to where the turn of this one has come, and nothing was done to it: until now it could not be looked at."""
    hands = rig.executor
    assert isinstance(hands, Hands)
    hands.hidden.add(name)
    await rig.hear(service="db-service")
    for _ in range(120):
        plan = (await rig.incident()).plan
        if plan is not None and plan.target == name:
            hands.hidden.discard(name)
            return
        await rig.run_for(1)
    raise AssertionError(f"the turn of {name} does not come")


async def texts(rig: Rig, *kinds: EventKind) -> list[str]:
    return [entry.text for entry in await said(rig, *kinds)]


async def test_what_depends_on_a_repaired_target_is_restarted_after_it_in_order(rig: Rig, hands: Hands) -> None:
    actions = await repair(rig)

    assert hands.told == IN_ORDER
    first, *later = actions
    assert [one.plan.target for one in later] == [API, CRON, WEB]
    assert all(one.verdict is Verdict.RECOVERED and one.plan.verb is Verb.RESTART for one in actions)
    assert {one.plan.chain.repair for one in later if one.plan.chain is not None} == {first.id}
    assert await said(rig, EventKind.ESCALATED) == []


async def test_each_begins_once_the_one_before_is_up(rig: Rig, hands: Hands) -> None:
    actions = await repair(rig)

    ends = [entry.at for entry in await said(rig, EventKind.VERIFIED)]
    begins = [one.started_at for one in actions if one.started_at is not None]
    assert len(begins) == len(ends) == 4
    assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))
    assert all(end - begin >= timedelta(seconds=3) for end, begin in zip(ends, begins, strict=True))


async def test_nothing_follows_a_playbook_that_does_not_say_so(rig: Rig, hands: Hands) -> None:
    playbook_of(rig, dependents=False)
    await repair(rig)

    assert hands.told == [DB]


async def test_nothing_follows_a_repair_that_did_not_help(rig: Rig, hands: Hands) -> None:
    signal_of(rig, FAILS)
    await repair(rig, 400)

    assert hands.told == [DB]


async def test_the_alert_may_be_over_long_before_the_last_one(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    await rig.hear(service="db-service", firing=False)
    await rig.run_for(60)

    assert hands.told == IN_ORDER
    assert (await rig.incident()).status is IncidentStatus.RESOLVED


async def test_what_has_started_since_the_repair_is_left_as_it_is(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    hands.starts(API, rig.clock.now())
    await rig.run_for(60)

    assert hands.told == [DB, CRON, WEB]
    assert "api is left as it is: it has started since db was repaired" in await texts(rig, EventKind.PLANNED)


async def test_what_somebody_has_stopped_is_left_out_with_what_depends_on_it_and_nobody_is_called(
    rig: Rig, hands: Hands
) -> None:
    await until_turn(rig, API)
    hands.world[API] = replace(hands.world[API], ready=0, wanted=0, oldest_start=None)
    await rig.run_for(60)

    assert hands.told == [DB, CRON]
    assert await said(rig, EventKind.ESCALATED) == []


async def test_one_that_may_not_be_restarted_stops_what_depends_on_it_and_calls_a_person_once(
    rig: Rig, hands: Hands
) -> None:
    for name in (API, CRON):
        brake = Brake(target_scope(name), rig.clock.now(), "it failed before", "agent")
        await rig.store.write(lambda tx, one=brake: tx.brakes.put(one))
    await repair(rig)

    assert hands.told == [DB]
    called = await texts(rig, EventKind.ESCALATED)
    assert len(called) == 1
    assert called[0].startswith("a person has to look: api, which depends on db, is not restarted after it: deny")
    assert "web is not restarted either: it depends on api" in await texts(rig, EventKind.PLANNED)
    assert (await rig.incident()).stage is Stage.WATCH


async def test_one_that_does_not_come_up_stops_what_depends_on_it_and_its_target_is_left_alone(
    rig: Rig, hands: Hands
) -> None:
    hands.dead.add(API)
    actions = await repair(rig, 400)

    assert hands.told == [DB, API, CRON]
    assert actions[1].verdict is Verdict.NOT_RECOVERED
    assert actions[2].verdict is Verdict.RECOVERED
    assert await braked(rig) == ["target:api"]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_one_that_starts_again_and_again_is_not_taken_for_up(rig: Rig, hands: Hands) -> None:
    await rig.hear(service="db-service")
    for _ in range(90):
        await rig.run()
        rig.clock.move(1)
        if API in hands.told:
            hands.starts(API, rig.clock.now())
    assert hands.told == [DB, API]
    assert all(one.verdict is None for one in await rig.actions() if one.plan.target == API)


async def test_nothing_is_restarted_while_what_was_repaired_cannot_be_seen(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    hands.hidden.add(DB)
    await rig.run_for(300)
    assert hands.told == [DB]
    assert await said(rig, EventKind.ESCALATED) == []

    hands.hidden.clear()
    await rig.run_for(120)
    assert hands.told == IN_ORDER


async def test_what_cannot_be_seen_for_too_long_is_given_up_and_a_person_is_called_once(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    await rig.hear(service="db-service", firing=False)
    hands.hidden.add(API)
    await rig.run_for(20 * 60)

    assert hands.told == [DB, CRON]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_nothing_is_restarted_once_what_was_repaired_is_broken_again(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    hands.world[DB] = replace(hands.world[DB], ready=0)
    await rig.run_for(60)

    assert hands.told == [DB]
    assert len(await said(rig, EventKind.ESCALATED)) == 1
    assert (await rig.incident()).stage is Stage.WATCH


async def test_nothing_is_restarted_after_a_repair_that_a_person_calls_wrong(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    repaired, _ = await rig.actions()
    await rig.approvals().wrong(repaired.id, "it was the network", by="ada")
    await rig.run_for(120)

    assert hands.told == [DB]
    assert len(await said(rig, EventKind.ESCALATED)) <= 1


async def test_a_pause_holds_the_chain_and_its_end_lets_it_go_on(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    pause = Pause(EVERYTHING, rig.clock.now(), "a look", "ada")
    await rig.store.write(lambda tx: tx.pauses.put(pause))
    await rig.run_for(120)
    assert hands.told == [DB]

    await rig.store.write(lambda tx: tx.pauses.end(pause.scope))
    await rig.run_for(120)
    assert hands.told == IN_ORDER


async def test_a_playbook_that_was_changed_meanwhile_restarts_nothing_more(rig: Rig, hands: Hands) -> None:
    playbook_of(rig, digest="before")
    await until_turn(rig, API)
    playbook_of(rig, digest="after")
    await rig.run_for(120)

    assert hands.told == [DB]
    assert "its playbook was changed since" in (await texts(rig, EventKind.ESCALATED))[0]


async def test_each_one_is_approved_by_itself_and_its_request_says_what_it_follows(rig: Rig, hands: Hands) -> None:
    declare(rig, API, mode=Mode.APPROVE)
    *_, waiting = await repair(rig, 30)

    assert hands.told == [DB]
    assert waiting.state is ActionState.WAITING_APPROVAL
    assert waiting.approval is not None
    asked = (await texts(rig, EventKind.APPROVAL_ASKED))[0]
    assert "restart api, which depends on db, then cron, web" in asked
    assert str(waiting.approval.shown["evidence"]).startswith("the repair of db that it follows shows holds")
    assert waiting.approval.expires_at <= waiting.created_at + timedelta(minutes=15)

    await rig.approvals().approve(waiting.id, waiting.approval.plan_hash, by="ada")
    await rig.run_for(60)
    assert hands.told == IN_ORDER


async def test_a_request_that_nobody_grants_leaves_out_what_depends_on_it(rig: Rig, hands: Hands) -> None:
    declare(rig, API, mode=Mode.APPROVE)
    await repair(rig, 10 * 60)
    await rig.hear(service="db-service", firing=False)
    await rig.run_for(10 * 60)

    assert hands.told == [DB, CRON]
    assert len(await said(rig, EventKind.ESCALATED)) == 1


async def test_one_that_is_only_observed_is_recorded_and_not_restarted(rig: Rig, hands: Hands) -> None:
    declare(rig, API, mode=Mode.OBSERVE)
    actions = await repair(rig)

    assert hands.told == [DB, CRON]
    assert [(one.plan.target, one.decision.effect) for one in actions][:2] == [
        (DB, Effect.ALLOW),
        (API, Effect.OBSERVE),
    ]
    assert await said(rig, EventKind.ESCALATED) == []


async def test_a_playbook_that_observes_says_what_it_would_restart(rig: Rig, hands: Hands) -> None:
    rig.change(modes={PlaybookName("restart-crm-api"): Mode.OBSERVE})
    [action] = await repair(rig)

    assert hands.told == []
    assert action.plan.words == "restart db, then api, cron, web"
    assert "observe: restart db, then api, cron, web" in (await texts(rig, EventKind.DECIDED))[0]


def _called(rig: Rig, hands: Hands) -> None:
    """The call arrived, and its answer was lost with the agent."""
    hands.dies_at = API


def _not_called(rig: Rig, hands: Hands) -> None:
    """The agent died before the call had any effect."""

    def die() -> None:
        if hands.told[-1] == API:
            raise CrashError

    hands.before = die


@pytest.mark.parametrize(("dies", "times"), [(_called, 1), (_not_called, 2)])
async def test_a_crash_in_the_middle_restarts_nothing_twice_and_loses_nothing(
    rig: Rig, hands: Hands, dies: Callable[[Rig, Hands], None], times: int
) -> None:
    await until_turn(rig, API)
    dies(rig, hands)
    with pytest.raises(CrashError):
        await rig.run_for(60)
    hands.dies_at, hands.before = None, lambda: None
    rig.clock.move(5)
    await rig.run_for(12 * 60)

    assert hands.told == [DB, *[API] * times, CRON, WEB]
    assert len([wish for wish in hands.calls if wish]) == 4 + (times - 1)
    assert [one.plan.target for one in await rig.actions() if one.verdict is Verdict.RECOVERED] == IN_ORDER


async def test_an_incident_of_its_own_holds_a_dependent_s_dependents_and_not_the_repaired_target_s(
    rig: Rig, hands: Hands
) -> None:
    await until_turn(rig, API)
    await rig.hear("Slow", service="api-service", severity="warning", instance="api:80", job="api")
    await rig.run_for(60)
    assert hands.told == [DB, API, CRON]

    await rig.hear("Slow", service="api-service", severity="warning", instance="api:80", job="api", firing=False)
    await rig.run_for(60)
    assert hands.told == IN_ORDER


async def test_a_dependent_of_a_vip_is_approved_by_a_person(rig: Rig, hands: Hands) -> None:
    restrain(rig, is_vip=lambda tenant: tenant == "vip-a")
    declare(rig, API, tenant="vip-a")
    *_, waiting = await repair(rig, 30)

    assert hands.told == [DB]
    assert (waiting.plan.tenant, waiting.decision.rule) == ("vip-a", "vip_allows")


async def test_the_next_step_comes_after_the_dependents_of_the_one_before(rig: Rig, hands: Hands) -> None:
    [playbook] = rig.world.playbooks
    first = replace(playbook.steps[0], name="restart")
    purge = replace(first, name="again", target=TargetChoice(WEB), dependents=False, after=("restart",))
    playbook_of(rig, steps=(first, purge), cooldown=timedelta(0))
    await repair(rig)

    assert hands.told == [*IN_ORDER, WEB]


async def test_dependents_speak_neither_for_nor_against_the_playbook(rig: Rig, hands: Hands) -> None:
    hands.dead.add(API)
    await repair(rig, 400)
    long_ago = rig.clock.now() - timedelta(days=1)
    name = PlaybookName("restart-crm-api")
    counted = await rig.store.read(lambda tx: tx.actions.precision(name, since=long_ago, most=100))
    repairs = await rig.store.read(lambda tx: tx.track.repairs(name, since=long_ago, most=100))

    assert (counted.executed, counted.verdicts) == (1, {"recovered": 1})
    assert [one.result for one in repairs] == ["recovered"]


async def test_a_request_is_taken_back_when_somebody_restarts_it_meanwhile(rig: Rig, hands: Hands) -> None:
    declare(rig, API, mode=Mode.APPROVE)
    await repair(rig, 30)
    hands.starts(API, rig.clock.now())
    await rig.run_for(90)

    assert hands.told == [DB, CRON, WEB]
    assert await said(rig, EventKind.ESCALATED) == []


async def test_who_denies_one_ends_the_chain(rig: Rig, hands: Hands) -> None:
    declare(rig, API, mode=Mode.APPROVE)
    *_, waiting = await repair(rig, 30)
    await rig.approvals().deny(waiting.id, "not tonight", by="ada")
    await rig.run_for(120)

    assert hands.told == [DB]
    assert (await rig.incident()).hands_off


async def test_a_repair_that_is_called_wrong_at_the_last_moment_is_no_evidence_any_more(rig: Rig, hands: Hands) -> None:
    """It still was one when it was looked at: the transaction that commits the intent looks once more."""
    await until_turn(rig, API)
    repaired, _ = await rig.actions()
    look = hands.observe

    async def observe(target: Target, *, deadline: timedelta) -> Observation:
        seen = await look(target, deadline=deadline)
        if target.name == API:
            await rig.approvals().wrong(repaired.id, "it was the network", by="ada")
        return seen

    hands.observe = observe  # type: ignore[method-assign] - what happens during the look
    await rig.run_for(60)

    assert hands.told == [DB]
    why = "restart api, which depends on db, then cron, web: not carried out: the repair that it follows is not proved"
    assert [text for text in await texts(rig, EventKind.ACTION_FINISHED) if text.startswith(why)] != []


async def test_what_is_waited_for_is_said_once(rig: Rig, hands: Hands) -> None:
    await until_turn(rig, API)
    hands.hidden.add(API)
    await rig.run_for(300)

    assert len([text for text in await texts(rig, EventKind.DECIDED) if text.startswith("deny: restart api")]) == 1
