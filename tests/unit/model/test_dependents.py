"""In which order dependents are restarted, and what proves the repair that they follow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.actions import (
    VERDICT_FACT,
    WRONG_FACT,
    Action,
    ActionState,
    Chain,
    Observation,
    Outcome,
    OutcomeStatus,
    Plan,
    Target,
    Verb,
    Verdict,
)
from aetherlink.model.decisions import Decision, Effect, EvidenceStatus
from aetherlink.model.dependents import dependents_of, has_started_since, is_proved, proof_of
from aetherlink.model.ids import ActionId, TargetName
from aetherlink.model.questions import Seen
from aetherlink.testing import START

DB = TargetName("db")
UP = Seen(Observation(1, 1, START))
CHAIN = Chain(ActionId("act-1"), DB, since=START, turn_at=START)
REPAIR = Action(
    ActionId("act-1"),
    Plan(Verb.RESTART, DB),
    "it is down",
    "playbook:x",
    Decision(Effect.ALLOW, "all_rules", ""),
    ActionState.FINISHED,
    START,
    outcome=Outcome(OutcomeStatus.DONE, ""),
    facts={VERDICT_FACT: Verdict.RECOVERED.value},
)
QUARTER = timedelta(minutes=15)


def ordered(name: str, **depends_on: tuple[str, ...]) -> tuple[str, ...]:
    targets = {
        TargetName(each): Target(TargetName(each), "memory", each, depends_on=tuple(map(TargetName, needed)))
        for each, needed in depends_on.items()
    }
    return dependents_of(targets, TargetName(name))


def test_what_depends_directly_comes_before_what_depends_on_that() -> None:
    assert ordered("db", web=("api",), api=("db",), db=(), cron=("db",)) == ("api", "cron", "web")


def test_one_that_needs_several_comes_after_all_of_them() -> None:
    assert ordered("db", web=("db", "zoo"), zoo=("api",), api=("db",), db=()) == ("api", "zoo", "web")


def test_others_and_what_it_needs_itself_are_left_alone() -> None:
    assert ordered("api", db=(), api=("db",), web=("api", "mail"), mail=(), cron=("db",)) == ("web",)
    assert ordered("web", api=(), web=("api",)) == ()
    assert ordered("nobody", api=(), web=("api",)) == ()


def test_a_circle_that_settings_would_refuse_is_left_out_and_ends() -> None:
    assert ordered("db", db=(), api=("db", "web"), web=("api",), cron=("db",)) == ("cron",)
    assert ordered("db", db=("api",), api=("db",)) == ("api",)


def test_a_verified_repair_of_what_is_up_is_proof() -> None:
    shown = proof_of(CHAIN, REPAIR, UP, START, within=QUARTER)

    assert (shown.status, shown.detail) == (EvidenceStatus.HOLDS, "act-1 was verified, and db is up")
    assert is_proved(CHAIN, REPAIR)


@pytest.mark.parametrize(
    ("repair", "says"),
    [
        (None, "there is no repair act-1 of db"),
        (replace(REPAIR, facts={}), "act-1 is not verified"),
        (replace(REPAIR, facts={VERDICT_FACT: Verdict.CANNOT_TELL.value}), "act-1 is not verified"),
        (replace(REPAIR, outcome=None), "act-1 is not verified"),
        (replace(REPAIR, outcome=Outcome(OutcomeStatus.NOT_NEEDED, "")), "act-1 is not verified"),
        (replace(REPAIR, facts={**REPAIR.facts, WRONG_FACT: {"by": "ada"}}), "a person has called act-1 wrong"),
        (replace(REPAIR, plan=Plan(Verb.RESTART, TargetName("mail"))), "there is no repair act-1 of db"),
        (replace(REPAIR, plan=replace(REPAIR.plan, undo_of=ActionId("act-0"))), "there is no repair act-1 of db"),
        (replace(REPAIR, plan=replace(REPAIR.plan, chain=CHAIN)), "there is no repair act-1 of db"),
    ],
)
def test_anything_else_that_is_stored_proves_nothing(repair: Action | None, says: str) -> None:
    shown = proof_of(CHAIN, repair, UP, START, within=QUARTER)

    assert (shown.status, shown.detail) == (EvidenceStatus.DOES_NOT_HOLD, says)
    assert not is_proved(CHAIN, repair)


@pytest.mark.parametrize(
    ("seen", "status", "says"),
    [
        (None, EvidenceStatus.NO_DATA, "db cannot be looked at: nobody looked"),
        (Seen(None, "connection refused"), EvidenceStatus.NO_DATA, "db cannot be looked at: connection refused"),
        (Seen(Observation(0, 1, None)), EvidenceStatus.DOES_NOT_HOLD, "db is broken again"),
        (Seen(Observation(0, 0, None)), EvidenceStatus.DOES_NOT_HOLD, "db is broken again"),
    ],
)
def test_what_was_repaired_has_to_be_seen_and_to_be_up(seen: Seen | None, status: EvidenceStatus, says: str) -> None:
    shown = proof_of(CHAIN, REPAIR, seen, START, within=QUARTER)

    assert (shown.status, shown.detail) == (status, says)


@pytest.mark.parametrize(
    ("minutes", "status"),
    [(14.99, EvidenceStatus.HOLDS), (15, EvidenceStatus.DOES_NOT_HOLD), (-15, EvidenceStatus.DOES_NOT_HOLD)],
)
def test_it_counts_for_as_long_as_a_turn_lasts_whatever_the_clock_does(minutes: float, status: EvidenceStatus) -> None:
    assert proof_of(CHAIN, REPAIR, UP, START + timedelta(minutes=minutes), within=QUARTER).status is status


def test_only_a_start_after_the_end_of_the_repair_counts() -> None:
    later = START + timedelta(microseconds=1)

    assert has_started_since(Observation(0, 1, later), CHAIN)
    assert not has_started_since(Observation(1, 1, START), CHAIN)
    assert not has_started_since(Observation(1, 1, None), CHAIN)
