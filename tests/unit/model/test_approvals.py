"""What the hash of a request for approval binds, and what it leaves open."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.clients.http_target_options import HttpRequestOptions
from aetherlink.model import approvals
from aetherlink.model.actions import Approval, Chain, Grant, Limits, Observation, Plan, Target, Verb
from aetherlink.model.ids import ActionId, PlaybookName, TargetName
from aetherlink.testing import START

API = TargetName("crm-api")
TARGET = Target(API, "memory", "crm", minimum=1, maximum=4)
SEEN = Observation(ready=1, wanted=2, oldest_start=START, release="1.1.0", previous_release="1.0.0")
PLAN = Plan(Verb.SCALE, API, PlaybookName("grow"), replicas=3, when="up == 0", undo=True, alert_id=7)


def shown(**changes: object) -> dict[str, object]:
    given = {
        "plan": PLAN,
        "target": TARGET,
        "seen": SEEN,
        "evidence": "e",
        "undo": "u",
        "needed": 1,
        "asked_at": START,
        "seal": "s",
    }
    given |= changes
    plan, target, seen = given.pop("plan"), given.pop("target"), given.pop("seen")
    return dict(approvals.shown_of(plan, target, seen, **given))


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": replace(PLAN, replicas=4)},
        {"plan": replace(PLAN, verb=Verb.RESTART)},
        {"plan": replace(PLAN, when="up == 1")},
        {"plan": replace(PLAN, unless=(API,))},
        {"plan": replace(PLAN, dependents=(TargetName("web"),))},
        {"plan": replace(PLAN, chain=Chain(ActionId("act-1"), TargetName("db"), since=START, turn_at=START))},
        {"target": replace(TARGET, maximum=9)},
        {"target": replace(TARGET, is_break_glass=True)},
        {"target": replace(TARGET, place="service crm of project peakpro")},
        {"seen": replace(SEEN, identity="0f1e2d3c4b5a")},
        {"seen": replace(SEEN, wanted=3)},
        {"seen": replace(SEEN, release="1.2.0")},
        {"seen": replace(SEEN, oldest_start=START + timedelta(seconds=1))},
        {"seen": replace(SEEN, oldest_start=None)},
        {"undo": "nothing"},
        {"needed": 2},
        {"asked_at": START + timedelta(microseconds=1)},
    ],
)
def test_the_hash_binds_plan_target_what_was_seen_and_what_undo_would_do(changes: dict[str, object]) -> None:
    assert approvals.hash_of(shown(**changes)) != approvals.hash_of(shown())


def test_a_plan_without_dependents_is_shown_as_it_was_before_there_were_any() -> None:
    plan = shown()["plan"]

    assert isinstance(plan, dict)
    assert {"chain", "dependents"}.isdisjoint(plan)


@pytest.mark.parametrize("changes", [{"evidence": "other words"}, {"plan": replace(PLAN, alert_id=8)}])
def test_the_hash_binds_neither_the_words_of_the_evidence_nor_which_alert_asked(changes: dict[str, object]) -> None:
    assert approvals.hash_of(shown(**changes)) == approvals.hash_of(shown())


def test_what_is_shown_is_json_and_leaves_nothing_out() -> None:
    found = shown(plan=replace(PLAN, unless=(API,)))

    assert found["observed"] == {
        "ready": 1,
        "wanted": 2,
        "oldest_start": START.isoformat(),
        "release": "1.1.0",
        "previous_release": "1.0.0",
    }
    assert found["plan"]["verb"] == "scale"
    assert found["plan"]["unless"] == ["crm-api"]
    assert found["plan"]["undo"] is True
    assert (found["plan"]["replicas"], found["plan"]["undo_of"]) == (3, None)
    assert found["plan"]["verify_within_seconds"] == 60.0
    assert "alert_id" not in found["plan"]
    assert found["target"]["mode"] == "auto"
    assert (found["evidence"], found["undo"]) == ("e", "u")
    assert len(approvals.hash_of(found)) == 64


def asking(url: str) -> Target:
    return replace(TARGET, requests=(HttpRequestOptions(url=url).declared_as("purge"),))


def test_what_is_shown_binds_a_request_and_lets_nobody_find_out_its_query_by_trying() -> None:
    found = shown(target=asking("http://cache/purge?pin=47"))
    others = [shown(target=asking(f"http://cache/purge?pin={pin}")) for pin in range(40, 47)]
    [request] = found["target"]["requests"]

    assert (request["name"], request["url"]) == ("purge", "http://cache/purge")
    assert request["digest"] not in _told_by_trying()
    assert approvals.hash_of(found) not in map(approvals.hash_of, others)
    assert approvals.hash_of(found) != approvals.hash_of(shown(target=asking("http://cache/purge?pin=47"), seal="t"))


def _told_by_trying() -> set[str]:
    """What somebody can make of every PIN who knows all but the PIN and the seal."""
    plain = [asking(f"http://cache/purge?pin={pin}") for pin in range(100)]
    digests = {one.digest for target in plain for one in target.requests}
    return digests | {
        request["digest"] for target in plain for request in shown(target=target, seal="")["target"]["requests"]
    }


def test_the_hash_of_what_is_shown_does_not_change_from_version_to_version() -> None:
    """An upgrade in between must not make every open request drift."""
    assert approvals.hash_of({"b": "ü", "a": [1, None]}) == (
        "e0cdee824cd756c78168d7aaabd92cc983a178a444bffd8597b2c61b51f4b1ce"
    )


def test_a_yes_is_added_and_nothing_else_changes() -> None:
    approval = Approval("hash", START, START, {"a": 1}, 2, (Grant("ann", START),))

    assert approvals.granted(approval, Grant("bob", START)) == replace(
        approval, grants=(Grant("ann", START), Grant("bob", START))
    )


@pytest.mark.parametrize(("seconds", "is_over"), [(-31, True), (-30, False), (0, False), (59, False), (60, True)])
def test_a_request_is_over_at_its_end_and_when_the_clock_lies_before_its_beginning(
    seconds: float, *, is_over: bool
) -> None:
    approval = Approval("hash", START, START + timedelta(seconds=60), {})

    assert approval.is_over(START + timedelta(seconds=seconds)) is is_over


def test_a_request_is_complete_with_the_last_yes() -> None:
    first, last = Grant("ann", START + timedelta(seconds=9)), Grant("bob", START + timedelta(seconds=5))

    assert Approval("hash", START, START, {}, 2, (first, last)).completed_at == first.at
    assert Approval("hash", START, START, {}).completed_at == START


def test_what_is_shown_goes_by_these_names() -> None:
    """They stand in stored requests and in answers of the API."""
    assert shown().keys() == {"asked_at", "needed", "plan", "target", "observed", "undo", "evidence"}
    assert (shown()["asked_at"], shown()["needed"]) == (START.isoformat(), 1)


def test_what_is_not_known_is_left_out_so_that_an_upgrade_voids_no_open_request() -> None:
    bare = shown(target=TARGET, seen=SEEN)

    assert bare["target"].keys().isdisjoint({"place", "identity", "limits", "most", "least"})
    assert bare["observed"].keys().isdisjoint({"identity", "limits"})
    known = shown(
        target=replace(TARGET, place="container crm", most=Limits(memory=2**30), least=Limits(nano_cpus=10**9)),
        seen=replace(SEEN, identity="0f1e2d3c4b5a", limits=Limits(memory=2**29)),
    )
    assert known["target"]["place"] == "container crm"
    assert known["target"]["most"] == {"memory": 2**30, "nano_cpus": 0}
    assert known["target"]["least"] == {"memory": 0, "nano_cpus": 10**9}
    assert known["observed"]["limits"] == {"memory": 2**29, "nano_cpus": 0}


def test_the_hash_does_not_bind_by_which_file_the_playbook_asks() -> None:
    assert approvals.hash_of(shown(plan=replace(PLAN, digest="another"))) == approvals.hash_of(shown())


def request_for(seen: Observation) -> Approval:
    asked = shown(seen=seen)
    return Approval(approvals.hash_of(asked), START, START, asked)


WHOLE = replace(SEEN, ready=2)


@pytest.mark.parametrize(
    ("then", "now", "is_still"),
    [
        (SEEN, SEEN, True),
        (SEEN, replace(SEEN, ready=0, oldest_start=None), True),
        (SEEN, replace(SEEN, ready=2), True),
        (SEEN, replace(SEEN, oldest_start=START + timedelta(seconds=5)), True),
        (SEEN, replace(SEEN, release="1.2.0"), False),
        (SEEN, replace(SEEN, wanted=3), False),
        (WHOLE, WHOLE, True),
        (WHOLE, replace(WHOLE, ready=1), False),
        (WHOLE, replace(WHOLE, oldest_start=START + timedelta(seconds=5)), False),
        (replace(SEEN, ready=3), replace(SEEN, ready=2), False),
    ],
)
def test_only_how_whole_a_target_is_that_was_not_whole_may_change(
    then: Observation, now: Observation, *, is_still: bool
) -> None:
    assert approvals.is_still(request_for(then), shown(seen=now)) is is_still


@pytest.mark.parametrize("then", [{}, {"observed": "crm"}, {"observed": {"ready": "1", "wanted": 2}}])
def test_a_request_that_does_not_say_what_was_seen_is_not_still_so(then: dict[str, object]) -> None:
    assert not approvals.is_still(Approval(approvals.hash_of(then), START, START, then), shown())
