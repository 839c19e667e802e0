"""Bugs that somebody could write, each planted for one run: what a simulation does not find it does not guard."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from aetherlink.commands import ActionRequest, Commands
from aetherlink.model.actions import Action, ActionState, Outcome
from aetherlink.model.decisions import Decision, Evidence, EvidenceStatus
from aetherlink.model.incidents import Stage
from aetherlink.model.questions import Question
from aetherlink.pipeline import act, dependents, runner
from aetherlink.pipeline import decide as deciding_stage
from aetherlink.pipeline import plan as planning
from aetherlink.pipeline.step import Case, Continue, Step, World
from aetherlink.ports import Transaction
from aetherlink.simulation import process

deciding = importlib.import_module("aetherlink.policy.decide")  # the module: its name is that of its function

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """What is wrong, how it is planted, and which invariants may find it.

    `at` is a seed that found it once; where that one does not any more, it is looked for from 0 on.
    """

    name: str
    plant: Plant
    found_by: frozenset[str]
    double_wakes: bool = False
    at: int = 0


def without_rule(name: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        rules = tuple(rule for rule in deciding.RULES if rule.__name__ != name)
        assert len(rules) == len(deciding.RULES) - 1
        patch.setattr(deciding, "RULES", rules)

    return plant


def deciding_on(change: Callable[[Question], Question]) -> Plant:
    """Decides, rightly, on a wrong question."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        rightly = process.decide
        patch.setattr(process, "decide", lambda question: rightly(change(question)))

    return plant


def _hopeful(question: Question) -> Question:
    shown = question.evidence
    if shown is None or shown.status is not EvidenceStatus.NO_DATA:
        return question
    return replace(question, evidence=replace(shown, status=EvidenceStatus.HOLDS))


def _forgetful(question: Question) -> Question:
    """Counts only what was begun since the start of the process, which is a moment ago."""
    return replace(question, recent=tuple(one for one in question.recent if one.finished_at is None))


def send_again(patch: pytest.MonkeyPatch) -> None:
    async def taken_up(world: World, action: Action) -> Step:
        hands = act._hands(world, action)
        wish = act.wish_of(action)
        outcome = await hands.executor.converge(hands.target, wish, deadline=world.options.action_deadline)
        return act._finished(world, action, outcome)

    patch.setattr(act, "_taken_up", taken_up)


def forget_the_intent(patch: pytest.MonkeyPatch) -> None:
    rightly = act._begin

    def begin(transaction: Transaction, **known: object) -> Action | Decision:
        started = rightly(transaction, **known)
        if isinstance(started, Action):
            transaction.actions.put(replace(started, state=ActionState.ALLOWED, started_at=None))
        return started

    patch.setattr(act, "_begin", begin)


def send_before_the_intent(patch: pytest.MonkeyPatch) -> None:
    rightly = act.run

    async def run(world: World, case: Case) -> Step:
        action = case.action
        if action is not None and action.state is ActionState.ALLOWED:
            hands = act._hands(world, action)
            early = replace(action, started_at=world.clock.now())
            await hands.executor.converge(hands.target, act.wish_of(early), deadline=world.options.action_deadline)
        return await rightly(world, case)

    patch.setattr(runner, "STAGES", {**runner.STAGES, runner.Stage.ACT: run})


def begin_whatever_is_stored(patch: pytest.MonkeyPatch) -> None:
    """The intent is not held against what another worker has done to the action meanwhile."""
    rightly = act._begin

    def begin(transaction: Transaction, **known: object) -> Action | Decision:
        action = known["action"]
        assert isinstance(action, Action)
        stored = transaction.actions.get(action.id)
        if stored is not None and stored.state is ActionState.RUNNING:
            return stored
        return rightly(transaction, **known)

    patch.setattr(act, "_begin", begin)


def act_for_an_alert_that_is_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(act, "_still_fires", lambda *_: True)


def call_nobody(patch: pytest.MonkeyPatch) -> None:
    rightly = act._finished

    def finished(world: World, action: Action, outcome: Outcome) -> Step:
        step = rightly(world, action, outcome)
        return replace(step, entries=step.entries[:1])

    patch.setattr(act, "_finished", finished)


def ask_for_nobody(patch: pytest.MonkeyPatch) -> None:
    rightly = Commands._understood

    def understood(commands: Commands, request: ActionRequest) -> object:
        wish = rightly(commands, request)
        return replace(wish, plan=replace(wish.plan, tenant=""))

    patch.setattr(Commands, "_understood", understood)


def look_for_a_request(patch: pytest.MonkeyPatch) -> None:
    """What no look can show is judged by a look."""
    patch.setattr(act, "_out_of_sight", lambda *_: None)


def restart_dependents_backwards(patch: pytest.MonkeyPatch) -> None:
    rightly = planning.dependents_of
    patch.setattr(planning, "dependents_of", lambda *known: rightly(*known)[::-1])


def follow_before_it_is_verified(patch: pytest.MonkeyPatch) -> None:
    """What was carried out is taken for what has helped."""
    rightly, prove = act._taken_on, deciding_stage.proof_of

    async def taken_on(world: World, case: Case) -> Step:
        step = await rightly(world, case)
        is_done = isinstance(step.move, Continue) and step.move.stage is Stage.VERIFY
        going = await dependents.begun(world, case, step.action) if is_done and step.action is not None else None
        return step if going is None else replace(going, entries=(*step.entries, *going.entries), action=step.action)

    def hopeful(*known: object, **within: timedelta) -> Evidence:
        return replace(prove(*known, **within), status=EvidenceStatus.HOLDS)

    patch.setattr(act, "_taken_on", taken_on)
    patch.setattr(act, "_is_still_proved", lambda *_: True)
    patch.setattr(deciding_stage, "proof_of", hopeful)


def _of(*names: str) -> frozenset[str]:
    return frozenset(names)


BUGS: tuple[Bug, ...] = (
    Bug("an action that runs is sent again after a crash", send_again, _of("an_action_is_sent_once"), at=11),
    Bug("the cooldown is skipped", without_rule("cooldown_is_over"), _of("the_cooldown_is_kept"), at=31),
    Bug("the hourly limit is skipped", without_rule("hourly_limit_holds"), _of("the_hourly_limit_is_kept"), at=15),
    Bug("the pause is skipped", without_rule("agent_is_not_paused"), _of("nothing_begins_while_paused"), at=2),
    Bug("the evidence is skipped", without_rule("evidence_holds"), _of("nothing_begins_blindly")),
    Bug("no data is taken for yes", deciding_on(_hopeful), _of("nothing_begins_blindly")),
    Bug("a busy target is acted on", without_rule("target_is_free"), _of("a_target_has_one_action_at_a_time"), at=4),
    Bug("bounds are skipped", without_rule("scale_is_within_bounds"), _of("replicas_stay_within_bounds"), at=37),
    Bug("the mode is skipped", without_rule("mode_allows"), _of("a_mode_below_auto_does_nothing_alone"), at=3),
    Bug("a VIP is like everybody", without_rule("vip_allows"), _of("a_mode_below_auto_does_nothing_alone"), at=8),
    Bug("a request is nobody's", ask_for_nobody, _of("a_request_is_for_the_tenant_of_its_target"), at=31),
    Bug("brakes are skipped", without_rule("brake_is_released"), _of("brakes_hold"), at=20),
    Bug("a wrong remedy is spread", without_rule("circuit_is_closed"), _of("a_remedy_that_fails_is_not_spread"), at=30),
    Bug("the fleet's budget is skipped", without_rule("fleet_budget_holds"), _of("budgets_are_kept"), at=11),
    Bug("any number runs at a time", without_rule("few_run_at_a_time"), _of("budgets_are_kept"), at=95),
    Bug("a tenant's budget is skipped", without_rule("tenant_budget_holds"), _of("budgets_are_kept"), at=5),
    Bug("a playbook's budget is skipped", without_rule("playbook_budget_holds"), _of("budgets_are_kept"), at=52),
    Bug("the floor is skipped", without_rule("floor_holds"), _of("the_floor_is_kept"), at=7),
    Bug("what flaps is acted on", without_rule("incident_does_not_flap"), _of("what_flaps_is_left_alone"), at=12),
    Bug("the intent is not stored", forget_the_intent, _of("nothing_is_sent_without_an_intent")),
    Bug("it is sent before the intent", send_before_the_intent, _of("nothing_is_sent_without_an_intent")),
    Bug("who is woken twice acts twice", begin_whatever_is_stored, _of("an_action_is_sent_once"),
        double_wakes=True, at=2),
    Bug("a silenced alert is acted on", act_for_an_alert_that_is_over,
        _of("nothing_begins_for_an_alert_that_is_over"), at=3),
    Bug("nobody is called for the unknown", call_nobody, _of("an_unknown_outcome_calls_a_person_once"), at=5),
    Bug("a request is judged by a look", look_for_a_request,
        _of("a_request_that_was_sent_is_never_thought_unsent"), at=136),
    Bug("what has ended is not counted", deciding_on(_forgetful),
        _of("the_hourly_limit_is_kept", "the_cooldown_is_kept"), at=15),
    Bug("dependents are restarted backwards", restart_dependents_backwards, _of("dependents_are_restarted_in_order"),
        at=68),
    Bug("a dependent follows what is not verified", follow_before_it_is_verified,
        _of("a_dependent_follows_a_verified_repair"), at=4),
)  # fmt: skip
