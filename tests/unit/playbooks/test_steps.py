"""Steps are stored in the order in which they are done; what cannot be ordered is refused by name."""

from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.model.actions import Verb
from aetherlink.model.playbooks import Playbook, ScaleBy, TargetChoice
from aetherlink.playbooks.schema import PlaybookForm

BASE: dict[str, Any] = {
    "name": "many",
    "match": {"alertname": "Down"},
    "target": "api",
    "bind": ["job"],
    "when": "up == 0",
    "verify": {"query": "up == 1", "for": "3s", "within": "1m"},
    "limits": {"per_hour": 8},
}
RESTART = {"restart": {}}


def step(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "action": RESTART, **more}


def read(*steps: dict[str, object], **more: object) -> Playbook:
    return PlaybookForm.model_validate({**BASE, "steps": list(steps), **more}).to_playbook()


def names(found: Playbook) -> list[str]:
    return [one.name for one in found.steps]


def test_steps_come_after_what_they_wait_for_and_stay_in_order_otherwise() -> None:
    found = read(step("c", after=["a", "b"]), step("b"), step("a"), step("d", after=["c"]), step("e"))

    assert names(found) == ["b", "a", "c", "d", "e"]


def test_what_stands_in_for_a_step_comes_directly_after_it() -> None:
    found = read(step("a"), step("b"), step("last", instead_of="other"), step("other", instead_of="a"))

    assert names(found) == ["a", "other", "last", "b"]


def test_after_a_stand_in_has_helped_the_rest_is_done() -> None:
    found = read(step("a"), step("b", after=["a"]), step("other", instead_of="a"))

    after_failure = found.following("a", helped=False)
    assert after_failure is not None
    assert after_failure.name == "other"
    for done in ("a", "other"):
        after_help = found.following(done, helped=True)
        assert after_help is not None
        assert after_help.name == "b"
    assert found.following("b", helped=True) is None
    assert found.following("b", helped=False) is None


def test_a_step_says_what_it_does_otherwise_than_the_playbook() -> None:
    own = {
        "target": {"from": "labels", "executor": "lab"},
        "when": "x > 1",
        "verify": {"query": "x < 1"},
        "undo": "never",
    }
    first, second = read(step("a"), {"name": "b", "action": {"scale": {"by": -1, "min": 1, "max": 3}}, **own}).steps

    assert (first.target, first.when, first.verify, first.undo) == (TargetChoice("api"), "up == 0", "up == 1", True)
    assert (second.target, second.when, second.verify) == (TargetChoice(None, "lab"), "x > 1", "x < 1")
    assert (second.verb, second.scale, second.undo) == (Verb.SCALE, ScaleBy(-1, 1, 3), False)


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([step("a"), step("a")], "two steps have the name 'a'"),
        ([step("alpha"), step("b", after=["alhpa"])], "there is no step 'alhpa': did you mean `alpha`?"),
        ([step("alpha"), step("b", instead_of="alhpa")], "instead_of: there is no step 'alhpa': did you mean `alpha`?"),
        ([step("a", after=["a"])], "step 'a': after names the step itself"),
        ([step("a", instead_of="a")], "step 'a': instead_of names the step itself"),
        ([step("a", after=["b"]), step("b", after=["a"])], "the steps 'a', 'b' wait for each other"),
        ([step("a", instead_of="b"), step("b", instead_of="a")], "the steps 'a', 'b' stand in for each other"),
        ([step("a"), step("b", after=["a", "a"])], "after names a step twice"),
        ([step("a"), step("b", instead_of="a"), step("c", instead_of="a")], "instead of 'a' already"),
        ([step("a"), step("b", instead_of="a"), step("c", after=["b"])], "wait for that one"),
        ([step("a"), step("b"), step("c", instead_of="a", after=["b"])], "give after or instead_of"),
        ([], "at least 1"),
        ([step(f"s{number}") for number in range(9)], "at most 8"),
        ([step("Not A Name")], "should match pattern"),
    ],
)
def test_steps_without_an_order_are_refused_by_name(steps: list[dict[str, object]], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(*steps)

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"action": RESTART}, "take one of them out"),
        ({"target": None}, "steps.a: target: an action needs it"),
        ({"when": None}, "steps.a: when: an action needs it, or `evidence: alert` to rest on the alert alone"),
        ({"verify": None}, "steps.a: verify: an action needs it"),
        ({"evidence": "alert"}, "evidence: with a `when` the query is the evidence"),
        ({"evidence": "alert", "when": None, "escalate": {"after": 2}}, "`escalate.after` above 1, need a `when`"),
        ({"evidence": "hunch"}, "'alert'"),
        ({"bind": []}, "bind is empty, so each selector"),
        ({"bind": ["__name__"]}, "should match pattern"),
        ({"when": "up offset 5m == 0"}, "when: `up offset 5m` cannot be bound"),
        ({"when": "vector(1) == 1"}, "asks for no metric"),
        ({"undo": "perhaps"}, "'auto' or 'never'"),
        ({"limits": {"per_target": 2}}, "a target has one action at a time"),
        ({"limits": {"per_target": 0}}, "a target has one action at a time"),
        ({"escalate": {"after": 0}}, "greater than or equal to 1"),
        ({"cooldown": 0}, "greater than or equal to datetime.timedelta(seconds=1)"),
        ({"cooldown": "40d"}, "less than or equal to datetime.timedelta(days=30)"),
        ({"silence": "yes"}, "valid boolean"),
        ({"target": {"from": "labels", "name": "api"}}, "give the name of a declared target"),
        ({"target": {"executor": "lab"}}, "give the name of a declared target"),
        ({"target": {"name": "api", "executor": "lab"}}, "goes with `from: labels`"),
    ],
)
def test_what_an_action_needs_is_asked_for(more: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(step("a"), **more)

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"mode": "auto"}, "mode: auto needs an `action`"),
        ({"when": "up == 0"}, "when: this playbook only observes"),
        ({"cooldown": "5m"}, "cooldown: this playbook only observes"),
        ({"unless": ["db"]}, "unless: this playbook only observes"),
    ],
)
def test_a_playbook_that_only_observes_says_nothing_of_acting(more: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlaybookForm.model_validate({"name": "x", "match": {"alertname": "A"}, **more})

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ({"scale": {}}, "Field required"),
        ({"scale": {"by": 0}}, "that changes nothing"),
        ({"scale": {"by": 11}}, "less than or equal to 10"),
        ({"scale": {"by": True}}, "has to be a number"),
        ({"scale": {"by": 1, "min": 3, "max": 2}}, "min (3) is above max (2)"),
        ({"restart": {}, "rollback": {}}, "exactly one verb"),
        ({}, "exactly one verb"),
    ],
)
def test_an_action_is_one_verb_with_bounded_numbers(action: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read({"name": "a", "action": action})

    assert complaint in str(caught.value)


def test_more_steps_than_an_hour_allows_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"limits\.per_hour: 2 actions an hour do not suffice for 3 steps"):
        read(step("a"), step("b"), step("c"), limits={"per_hour": 2})
    assert len(read(step("a"), step("b"), limits={"per_hour": 2}).steps) == 2


def test_one_step_may_rest_on_its_alert_alone() -> None:
    [only] = (
        PlaybookForm.model_validate({**BASE, "when": None, "evidence": "alert", "action": RESTART}).to_playbook().steps
    )

    assert (only.when, only.verify) == ("", "up == 1")
