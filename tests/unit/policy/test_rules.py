"""Each rule of the policy, in a table, and what must hold of all of them together."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherlink.model.actions import Action, ActionState, Observation, Plan, Target, Verb
from aetherlink.model.decisions import Decision, Effect, Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.model.questions import Question, Seen
from aetherlink.policy.decide import ALLOWED, decide
from aetherlink.policy.rules import RULES
from aetherlink.testing import START

API = TargetName("crm-api")
PLAN = Plan(Verb.RESTART, API, PlaybookName("restart-crm-api"), when="up == 0", cooldown_seconds=120, per_hour=3)
HOLDS = Evidence("up == 0", EvidenceStatus.HOLDS, START, "1 series", START)
QUESTION = Question(
    plan=PLAN,
    ceiling=Mode.AUTO,
    mode=Mode.AUTO,
    targets={API: Target(API, "lab", "crm", minimum=1, maximum=4)},
    recent=(),
    evidence=HOLDS,
    now=START,
    paused=None,
    seen={API: Seen(Observation(ready=1, wanted=1, oldest_start=START))},
)


def acted(seconds_ago: float, *, is_finished: bool = True, plan: Plan = PLAN) -> Action:
    at = START - timedelta(seconds=seconds_ago)
    return Action(
        id=ActionId(f"act-{seconds_ago}"),
        plan=plan,
        reason="",
        requested_by="test",
        decision=ALLOWED,
        state=ActionState.FINISHED if is_finished else ActionState.RUNNING,
        created_at=at,
        started_at=at,
        finished_at=at if is_finished else None,
    )


def scale(replicas: int | None) -> Question:
    return replace(QUESTION, plan=replace(PLAN, verb=Verb.SCALE, replicas=replicas))


def evidence(status: EvidenceStatus) -> Question:
    return replace(QUESTION, evidence=replace(HOLDS, status=status))


TABLE = [
    pytest.param(QUESTION, Effect.ALLOW, "all_rules", id="nothing is against it"),
    pytest.param(replace(QUESTION, paused="paused by ann: db"), Effect.DENY, "agent_is_not_paused", id="paused"),
    pytest.param(replace(QUESTION, targets={}), Effect.DENY, "target_is_declared", id="the target is not declared"),
    pytest.param(scale(4), Effect.ALLOW, "all_rules", id="scale to the maximum"),
    pytest.param(scale(5), Effect.DENY, "scale_is_within_bounds", id="scale above the maximum"),
    pytest.param(scale(0), Effect.DENY, "scale_is_within_bounds", id="scale below the minimum"),
    pytest.param(scale(None), Effect.DENY, "scale_is_within_bounds", id="scale to nobody knows what"),
    pytest.param(evidence(EvidenceStatus.DOES_NOT_HOLD), Effect.DENY, "evidence_holds", id="the condition is false"),
    pytest.param(evidence(EvidenceStatus.NO_DATA), Effect.DENY, "evidence_holds", id="no data is evidence of nothing"),
    pytest.param(evidence(EvidenceStatus.ERROR), Effect.DENY, "evidence_holds", id="an error is evidence of nothing"),
    pytest.param(replace(QUESTION, evidence=None), Effect.DENY, "evidence_holds", id="the condition was not asked"),
    pytest.param(
        replace(QUESTION, recent=(acted(3000, is_finished=False),)), Effect.DENY, "target_is_free", id="one is running"
    ),
    pytest.param(replace(QUESTION, recent=(acted(119),)), Effect.DENY, "cooldown_is_over", id="within the cooldown"),
    pytest.param(replace(QUESTION, recent=(acted(120),)), Effect.ALLOW, "all_rules", id="the cooldown is just over"),
    pytest.param(
        replace(QUESTION, recent=(acted(60, plan=replace(PLAN, playbook=None)),)),
        Effect.ALLOW,
        "all_rules",
        id="somebody else's action starts no cooldown of the playbook",
    ),
    pytest.param(
        replace(QUESTION, recent=(acted(200), acted(400), acted(3599))),
        Effect.DENY,
        "hourly_limit_holds",
        id="as often as the limit says",
    ),
    pytest.param(
        replace(QUESTION, recent=(acted(200), acted(400), acted(3600))),
        Effect.ALLOW,
        "all_rules",
        id="the first of them was more than an hour ago",
    ),
    pytest.param(replace(QUESTION, mode=Mode.OBSERVE), Effect.OBSERVE, "mode_allows", id="the playbook observes"),
    pytest.param(replace(QUESTION, ceiling=Mode.OBSERVE), Effect.OBSERVE, "mode_allows", id="the ceiling observes"),
    pytest.param(replace(QUESTION, mode=Mode.APPROVE), Effect.NEEDS_APPROVAL, "mode_allows", id="the playbook asks"),
]


@pytest.mark.parametrize(("question", "effect", "rule"), TABLE)
def test_each_rule_objects_to_its_own_case(question: Question, effect: Effect, rule: str) -> None:
    decision = decide(question)

    assert (decision.effect, decision.rule) == (effect, rule)
    assert decision.reason


def test_every_rule_has_a_case_of_its_own_in_the_table() -> None:
    named = {parameters.values[2] for parameters in TABLE}

    assert named == {rule.__name__ for rule in RULES} | {"all_rules"}


def test_a_decision_is_named_after_the_rule_that_gave_it() -> None:
    for parameters in TABLE:
        question = parameters.values[0]
        assert isinstance(question, Question)
        for rule in RULES:
            decision = _ask_alone(rule, question)
            assert decision is None or decision.rule == rule.__name__


def _ask_alone(rule: object, question: Question) -> Decision | None:
    """Rules may rely on those before them: without a declared target there is no bound to compare with."""
    if not question.targets and getattr(rule, "__name__", "") == "scale_is_within_bounds":
        return None
    assert callable(rule)
    result = rule(question)
    assert result is None or isinstance(result, Decision)
    return result


QUESTIONS = st.builds(
    replace,
    st.just(QUESTION),
    ceiling=st.sampled_from(Mode),
    mode=st.sampled_from(Mode),
    evidence=st.none() | st.sampled_from(EvidenceStatus).map(lambda status: replace(HOLDS, status=status)),
    recent=st.lists(st.floats(0, 4000).map(acted), max_size=5).map(tuple),
    plan=st.sampled_from([PLAN, replace(PLAN, verb=Verb.SCALE, replicas=2), replace(PLAN, verb=Verb.SCALE)]),
)


@given(QUESTIONS)
def test_losing_the_evidence_never_turns_a_refusal_into_an_act(question: Question) -> None:
    blind = replace(question, evidence=None)

    assert decide(blind).effect is Effect.DENY or not question.plan.when


@given(QUESTIONS)
def test_a_paused_agent_never_acts_and_says_why(question: Question) -> None:
    decision = decide(replace(question, paused="paused by ann"))

    assert decision == Decision(Effect.DENY, "agent_is_not_paused", "paused by ann")


@given(QUESTIONS)
def test_a_lower_mode_never_allows_more(question: Question) -> None:
    lower = replace(question, ceiling=Mode.OBSERVE)

    assert decide(lower).effect in {Effect.OBSERVE, Effect.DENY}
