"""What must hold of every decision, whatever it rests on: the first denial wins, and less never allows more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aetherlink.model.actions import Target, Verb, Verdict
from aetherlink.model.brakes import Brake, playbook_scope, target_scope
from aetherlink.model.decisions import Effect, EvidenceStatus, Mode, Objection
from aetherlink.model.questions import Question, Seen
from aetherlink.policy import decide as deciding
from aetherlink.policy.decide import ALLOWED, decide
from aetherlink.policy.rules import RULES
from aetherlink.testing import START
from rigs.rule_cases.asking import (
    API,
    ASKED,
    DB,
    HOLDS,
    KINDS,
    MAIL,
    PLAYBOOK,
    UNDOING,
    WEB,
    acted,
    approval,
    counted,
    seen_as,
)

_FREEDOM = {Effect.DENY: 0, Effect.OBSERVE: 1, Effect.NEEDS_APPROVAL: 2, Effect.ALLOW: 3}


def freedom(question: Question) -> int:
    """How much the decision lets be done: 0 for nothing at all, 3 for acting at once."""
    return _FREEDOM[decide(question).effect]


LOOKS = st.sampled_from([seen_as(0), seen_as(1), seen_as(2, 4), seen_as(3, 4, is_rolling=True), Seen(None, "refused")])
PLANS = st.sampled_from(
    [
        *(question.plan for question in KINDS.values()),
        *(replace(question.plan, verb=Verb.SCALE, replicas=2) for question in KINDS.values()),
        replace(ASKED.plan, unless=(WEB,)),
        replace(ASKED.plan, target=MAIL),
    ]
)
ACTIONS = st.builds(
    acted,
    st.integers(-4000, 4000),
    plan=PLANS,
    is_running=st.sampled_from([False, False, False, True]),
    verdict=st.sampled_from([None, *Verdict]),
)
HISTORIES = st.lists(ACTIONS, max_size=6).map(tuple)
BRAKES = st.sampled_from(
    [
        Brake(target_scope(API), START, "it failed", "agent"),
        Brake(playbook_scope(PLAYBOOK), START, "it was wrong", "ann", Effect.NEEDS_APPROVAL),
    ]
)
TARGETS = st.builds(
    lambda floor, mode, is_glass: {
        **ASKED.targets,
        API: Target(API, "lab", "crm", 1, 4, floor, (DB,), mode, is_break_glass=is_glass),
    },
    st.integers(0, 3),
    st.sampled_from([Mode.AUTO, *Mode]),
    st.booleans(),
)
SELDOM = st.sampled_from([None, None, None, "said"])
QUESTIONS = st.builds(
    Question,
    plan=PLANS,
    ceiling=st.sampled_from([Mode.AUTO, *Mode]),
    mode=st.sampled_from([Mode.AUTO, *Mode]),
    targets=TARGETS,
    recent=HISTORIES | st.just(()),
    evidence=st.just(HOLDS) | st.none() | st.sampled_from(EvidenceStatus).map(lambda each: replace(HOLDS, status=each)),
    now=st.just(START),
    paused=SELDOM,
    seen=st.dictionaries(st.sampled_from([API, DB, WEB, MAIL]), LOOKS) | st.just({**ASKED.seen, MAIL: seen_as(1)}),
    started=(HISTORIES | st.just(())).map(lambda each: counted(*each)),
    brakes=st.lists(BRAKES, max_size=2).map(tuple) | st.just(()),
    unwell=st.frozensets(st.sampled_from([API, DB, WEB, MAIL])) | st.just(frozenset()),
    vip=st.booleans(),
    vip_mode=st.sampled_from([Mode.AUTO, *Mode]),
    flapping=st.sampled_from([False, False, True]),
    blind=SELDOM,
    frozen=SELDOM,
    protected=SELDOM,
    approval=st.none() | st.just(approval("ann")) | st.just(approval("ann", needed=2)),
)
MANY = settings(max_examples=100, deadline=None)


@MANY
@given(QUESTIONS)
def test_a_proposal_is_never_allowed_before_a_person_said_yes(question: Question) -> None:
    """Nor is anything freer because an assistant proposed it, and what is denied or only observed stays so."""
    proposed = replace(question, plan=replace(question.plan, is_proposal=True))
    before, after = decide(question), decide(proposed)

    if not (proposed.approval is not None and proposed.approval.is_complete) and not proposed.is_undo:
        assert after.effect is not Effect.ALLOW
    assert after.effect is (Effect.NEEDS_APPROVAL if before.effect is Effect.ALLOW != after.effect else before.effect)


@MANY
@given(QUESTIONS)
def test_losing_the_evidence_never_allows_more(question: Question) -> None:
    assert freedom(replace(question, evidence=None)) <= freedom(question)


@MANY
@given(QUESTIONS, st.sampled_from([API, DB, WEB, MAIL]))
def test_not_seeing_a_target_never_allows_more(question: Question, name) -> None:
    gone = {other: look for other, look in question.seen.items() if other != name}

    assert freedom(replace(question, seen=gone)) <= freedom(question)
    assert freedom(replace(question, seen={**gone, name: Seen(None, "no answer in time")})) <= freedom(question)


@MANY
@given(QUESTIONS, st.sampled_from([API, DB, WEB, MAIL]))
def test_a_target_that_is_not_declared_any_more_never_allows_more(question: Question, name) -> None:
    fewer = {other: target for other, target in question.targets.items() if other != name}

    assert freedom(replace(question, targets=fewer)) <= freedom(question)


@MANY
@given(QUESTIONS)
def test_seeing_nothing_at_all_acts_on_nothing(question: Question) -> None:
    blind = replace(question, seen={}, evidence=None)

    assert decide(blind).effect is Effect.DENY


@MANY
@given(QUESTIONS, st.sampled_from(["paused", "blind", "frozen", "protected"]))
def test_a_reason_to_hold_back_never_allows_more(question: Question, which: str) -> None:
    held = replace(question, **{which: "said"})

    assert freedom(held) <= freedom(question)


@MANY
@given(QUESTIONS, BRAKES, st.sampled_from([API, DB, WEB, MAIL]))
def test_a_brake_a_broken_target_or_flapping_never_allows_more(question: Question, brake: Brake, name) -> None:
    assert freedom(replace(question, brakes=(*question.brakes, brake))) <= freedom(question)
    assert freedom(replace(question, unwell=question.unwell | {name})) <= freedom(question)
    assert freedom(replace(question, flapping=True)) <= freedom(question)


@settings(MANY, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUESTIONS, st.sampled_from(Effect), st.integers(0, len(RULES)))
def test_one_more_rule_never_allows_more(
    monkeypatch: pytest.MonkeyPatch, question: Question, effect: Effect, place: int
) -> None:
    before = freedom(question)
    with monkeypatch.context() as patch:
        more = (*RULES[:place], lambda _: Objection(effect, "one_more", "said"), *RULES[place:])
        patch.setattr(deciding, "RULES", more)
        assert freedom(question) <= before


@MANY
@given(QUESTIONS)
def test_an_approval_lifts_neither_a_denial_nor_what_only_observes(question: Question) -> None:
    unasked = decide(replace(question, approval=None))
    approved = decide(replace(question, approval=approval("ann", "bob")))

    if unasked.effect in (Effect.DENY, Effect.OBSERVE):
        assert (approved.effect, approved.rule, approved.reason) == (unasked.effect, unasked.rule, unasked.reason)


@MANY
@given(QUESTIONS, st.sampled_from(["ceiling", "mode", "vip_mode"]), st.sampled_from(Mode))
def test_a_lower_mode_never_allows_more(question: Question, which: str, mode: Mode) -> None:
    lower = min(mode, getattr(question, which), key=lambda each: each.rank)

    assert freedom(replace(question, **{which: lower})) <= freedom(question)


@MANY
@given(QUESTIONS, ACTIONS)
def test_more_that_was_done_never_allows_more(question: Question, action) -> None:
    assert freedom(replace(question, recent=(action, *question.recent))) <= freedom(question)
    assert freedom(replace(question, started=(*counted(action), *question.started))) <= freedom(question)


@MANY
@given(QUESTIONS, st.floats(0, 10 * 366 * 86400))
def test_a_clock_that_is_set_back_never_allows_more(question: Question, seconds: float) -> None:
    back = replace(question, now=question.now - timedelta(seconds=seconds))

    assert freedom(back) <= freedom(question)


@MANY
@given(QUESTIONS)
def test_every_objection_of_every_rule_is_kept_in_their_order(question: Question) -> None:
    found = [objection for rule in RULES if (objection := rule(question)) is not None]

    decision = decide(question)

    assert list(decision.objections) == found
    assert decision == ALLOWED or (decision.effect, decision.rule, decision.reason) in {
        (one.effect, one.rule, one.reason) for one in found
    }


@MANY
@given(QUESTIONS)
def test_the_same_question_has_the_same_answer(question: Question) -> None:
    assert decide(question) == decide(replace(question))


def saying(effect: Effect, name: str):
    return lambda _: Objection(effect, name, f"{name} said so")


@pytest.mark.parametrize(
    ("rules", "winner"),
    [
        (("allow",), "all_rules"),
        (("needs_approval", "deny", "deny_too"), "deny"),
        (("observe", "needs_approval"), "observe"),
        (("needs_approval", "observe"), "observe"),
        (("needs_approval", "needs_approval_too"), "needs_approval"),
        (("observe", "needs_approval", "deny"), "deny"),
        (("deny_too", "deny"), "deny_too"),
    ],
)
def test_the_first_of_the_strictest_wins_and_all_reasons_are_kept(
    monkeypatch: pytest.MonkeyPatch, rules: tuple[str, ...], winner: str
) -> None:
    monkeypatch.setattr(deciding, "RULES", tuple(saying(Effect(name.removesuffix("_too")), name) for name in rules))

    decision = decide(ASKED)

    assert decision.rule == winner
    if winner != "all_rules":
        assert decision.effect is Effect(winner.removesuffix("_too"))
        assert decision.reason == f"{winner} said so"
        assert [one.rule for one in decision.objections] == list(rules)


def test_a_rule_that_fails_denies_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(question: Question) -> Objection | None:
        raise ZeroDivisionError(question.plan.words)

    monkeypatch.setattr(deciding, "RULES", (*RULES, broken))

    decision = decide(replace(ASKED, ceiling=Mode.OBSERVE))

    assert (decision.effect, decision.rule) == (Effect.DENY, "broken")
    assert decision.reason == "the rule could not be asked: ZeroDivisionError"


def test_an_undo_is_held_by_what_holds_an_action_but_not_by_what_holds_a_playbook() -> None:
    """It takes back the agent's own doing: its own budgets and modes do not keep it from that, a pause does."""
    undo = replace(KINDS["undo"], ceiling=Mode.APPROVE, brakes=(Brake(target_scope(API), START, "it failed", "agent"),))

    assert decide(undo).effect is Effect.ALLOW
    assert UNDOING.undo_of is not None
    assert decide(replace(undo, paused="said")).effect is Effect.DENY
    assert decide(replace(undo, ceiling=Mode.OBSERVE)).effect is Effect.OBSERVE
