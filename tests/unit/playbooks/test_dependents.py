"""`dependents` of a playbook: what it takes, where it is inherited, and where it makes no sense."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from aetherlink.errors import SettingsError
from aetherlink.model.actions import Target
from aetherlink.model.ids import TargetName
from aetherlink.model.playbooks import Playbook
from aetherlink.playbooks.loader import load_playbook

DB, API, WEB = (TargetName(name) for name in ("db", "api", "web"))
CHAIN = {
    DB: Target(DB, "docker", "db"),
    API: Target(API, "docker", "api", depends_on=(DB,)),
    WEB: Target(WEB, "lab", "web", depends_on=(API,)),
}
HEAD = """name: restart-db
match: {alertname: DbDown}
target: db
bind: [job]
when: 'up == 0'
verify: {query: 'up == 1', for: 5s, within: 60s}
"""
ONE = HEAD + "action: {restart: {}}\n"
SEVERAL = (
    HEAD
    + """steps:
  - {name: grow, action: {scale: {by: 1}}}
  - {name: again, action: {restart: {}}, instead_of: grow}
  - {name: before, action: {rollback: {}}, after: [grow], dependents: leave}
"""
)


def load(folder: Path, text: str, targets: Mapping[TargetName, Target] = CHAIN) -> Playbook:
    path = folder / "restart-db.yaml"
    path.write_text(text)
    return load_playbook(path, targets)


@pytest.mark.parametrize(
    ("line", "wanted"), [("", False), ("dependents: leave\n", False), ("dependents: restart\n", True)]
)
def test_a_playbook_leaves_dependents_alone_until_it_says_otherwise(tmp_path: Path, line: str, *, wanted: bool) -> None:
    [step] = load(tmp_path, ONE + line).steps

    assert step.dependents is wanted


def test_steps_that_start_their_target_anew_take_it_from_the_playbook(tmp_path: Path) -> None:
    steps = load(tmp_path, SEVERAL + "dependents: restart\n").steps

    assert {step.name: step.dependents for step in steps} == {"grow": False, "again": True, "before": False}


def test_a_step_says_it_for_itself(tmp_path: Path) -> None:
    steps = load(tmp_path, SEVERAL.replace("dependents: leave", "dependents: restart")).steps

    assert {step.name: step.dependents for step in steps} == {"grow": False, "again": False, "before": True}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ONE + "dependents: restrat\n", "dependents: 'restrat' is not known: did you mean `restart`?"),
        (ONE + "dependents: true\n", "dependents: True is not known: it is `restart` or `leave`"),
        (ONE + "dependents: [api]\n", "dependents: ['api'] is not known: it is `restart` or `leave`"),
        (ONE + "dependends: restart\n", "dependends: unknown key: did you mean `dependents`?"),
        (
            HEAD + "action: {scale: {by: 1}}\ndependents: restart\n",
            "dependents: nothing that this playbook does starts its target anew, as `restart` and `rollback` do",
        ),
        (
            SEVERAL.replace("instead_of: grow}", "instead_of: grow}").replace(
                "{scale: {by: 1}}}", "{scale: {by: 1}}, dependents: restart}"
            ),
            "steps.grow.dependents: scale does not start its target anew, `restart` and `rollback` do: take it out",
        ),
        (
            "name: looks\nmatch: {alertname: DbDown}\ndependents: restart\n",
            "dependents: this playbook only observes, for it has neither `action` nor `steps`",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_meant(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as problem:
        load(tmp_path, text)

    assert complaint in str(problem.value)
    assert ":" in str(problem.value).removeprefix(str(tmp_path / "restart-db.yaml"))


@pytest.mark.parametrize(
    ("targets", "complaint"),
    [
        ({DB: CHAIN[DB]}, "restart-db.yaml:8: dependents: nothing depends on db: no target has it in its `depends_on`"),
        (
            {**CHAIN, WEB: Target(WEB, "http", "web", depends_on=(API,))},
            "restart-db.yaml:8: dependents: target web, which depends on db, is of the executor `http`",
        ),
    ],
)
def test_what_cannot_be_restarted_is_said_with_its_line(
    tmp_path: Path, targets: Mapping[TargetName, Target], complaint: str
) -> None:
    with pytest.raises(SettingsError) as problem:
        load(tmp_path, ONE + "dependents: restart\n", targets)

    assert complaint in str(problem.value)


def test_a_target_that_nobody_declared_is_nothing_wrong(tmp_path: Path) -> None:
    assert load(tmp_path, ONE + "dependents: restart\n", {}).steps[0].dependents


def test_another_word_makes_another_content_of_it_and_no_word_the_same_as_before(tmp_path: Path) -> None:
    before = load(tmp_path, ONE).digest

    assert before == "7d01484f38b53fd7eae530257e787ef11ed595a943fee67f1bfd8addd3fadf09"
    assert load(tmp_path, ONE + "dependents: restart\n").digest != before
