"""Each rule of the policy against its table of cases (rigs/rule_cases), and what must hold of all rules together."""

import pytest

from aetherlink.model.actions import Verb
from aetherlink.model.decisions import Effect
from aetherlink.policy import decide as deciding
from aetherlink.policy.decide import decide
from aetherlink.policy.rules import RULES
from rigs.rule_cases import CASES
from rigs.rule_cases.asking import ASKED, KINDS, Case, aimed, looked, planned, seen_as

BY_NAME = {rule.__name__: rule for rule in RULES}


def named(case: Case) -> str:
    return f"{case.rule}: {case.words}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_rule_says_what_its_case_says_and_so_does_the_decision(case: Case) -> None:
    objection = BY_NAME[case.rule](case.question)
    decision = decide(case.question)

    if case.effect is None:
        assert objection is None
        assert (decision.effect, decision.rule, decision.objections) == (Effect.ALLOW, "all_rules", ())
    else:
        assert objection is not None
        assert (objection.effect, objection.rule) == (case.effect, case.rule)
        assert case.says in objection.reason
        assert (decision.effect, decision.rule, decision.reason) == (case.effect, case.rule, objection.reason)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_against_what_every_case_starts_from(kind: str) -> None:
    decision = decide(KINDS[kind])

    assert (decision.effect, decision.rule) == (Effect.ALLOW, "all_rules")
    assert decision.reason == "no rule has anything against it"


def test_every_rule_has_cases_for_it_and_against_it() -> None:
    both = {(case.rule, case.effect is None) for case in CASES}

    assert both == {(name, is_fine) for name in BY_NAME for is_fine in (True, False)}


def test_no_two_cases_have_one_name() -> None:
    names = [named(case) for case in CASES]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_without_the_rule_something_would_be_done_that_must_not(rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """T40, the list of guards that are deleted: whatever only this rule forbids is allowed as soon as it is gone."""
    forbidden = [case for case in CASES if case.rule == rule.__name__ and case.effect is not None]
    monkeypatch.setattr(deciding, "RULES", tuple(other for other in RULES if other is not rule))

    allowed = [named(case) for case in forbidden if decide(case.question).effect is Effect.ALLOW]

    assert allowed
    monkeypatch.undo()
    assert [name for name in allowed for case in forbidden if named(case) == name and may_run(case)] == []


def may_run(case: Case) -> bool:
    return decide(case.question).effect is Effect.ALLOW


def test_the_rules_stand_in_this_order() -> None:
    """The order decides which reason a person reads, and which metric counts."""
    assert [rule.__name__ for rule in RULES] == [
        "agent_is_not_paused",
        "target_is_declared",
        "target_is_not_its_own",
        "no_window_forbids",
        "scale_is_within_bounds",
        "request_is_declared",
        "source_is_believed",
        "target_is_seen",
        "target_is_as_it_was_left",
        "replicas_can_be_had",
        "release_is_known",
        "limits_are_within_bounds",
        "target_is_not_stopped",
        "floor_holds",
        "dependencies_work",
        "evidence_holds",
        "incident_does_not_flap",
        "sensor_is_trusted",
        "target_is_free",
        "brake_is_released",
        "circuit_is_closed",
        "cooldown_is_over",
        "hourly_limit_holds",
        "tenant_budget_holds",
        "playbook_budget_holds",
        "fleet_budget_holds",
        "few_run_at_a_time",
        "mode_allows",
        "vip_allows",
        "proposals_need_a_person",
        "playbook_is_trusted",
    ]


def test_a_scale_to_nobody_knows_what_leaves_nothing_above_the_floor() -> None:
    """Its bounds object first; the floor does not rely on that."""
    vague = looked(planned(aimed(ASKED, floor=1), verb=Verb.SCALE), api=seen_as(2, 2))

    assert [one.rule for one in decide(vague).objections] == ["scale_is_within_bounds", "floor_holds"]


def test_asking_changes_nothing() -> None:
    before = repr(ASKED)

    assert decide(ASKED) == decide(ASKED)
    assert repr(ASKED) == before
