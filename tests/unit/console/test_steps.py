"""How far an incident has come, as a row of steps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.console.steps import NAMES, steps_of
from aetherlink.model.actions import VERDICT_FACT, ActionState, Approval, Grant, Verdict
from aetherlink.model.incidents import IncidentStatus, Stage
from unit.console.test_charted import INCIDENT, PLAN, action

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def standings(stage: Stage, found=None, **more: object) -> str:
    """The first letter of each step's standing."""
    return "".join(step.standing.value[0] for step in steps_of(replace(INCIDENT, stage=stage, **more), found))


@pytest.mark.parametrize(
    ("stage", "word", "place"),
    [(Stage.PLAN, "planning", 1), (Stage.APPROVE, "waits for a yes", 3), (Stage.ACT, "acting", 4)],
)
def test_what_is_under_way_is_named_so(stage: Stage, word: str, place: int) -> None:
    steps = steps_of(replace(INCIDENT, stage=stage), action(PLAN))

    assert steps[place].name == word
    assert [step.name for step in steps[place + 1 :]] == list(NAMES[place + 1 :])


def test_what_was_not_gone_is_passed_over_and_what_comes_is_ahead() -> None:
    asked = Approval("ab", NOW, NOW + timedelta(hours=1), {}, grants=(Grant("ann", NOW),))
    done = replace(action(PLAN), started_at=NOW, approval=asked, facts={VERDICT_FACT: Verdict.RECOVERED.value})

    assert standings(Stage.PLAN) == "dnaaaaa"
    assert standings(Stage.VERIFY, replace(done, approval=None)) == "dddsdna"
    assert standings(Stage.WATCH, replace(action(PLAN), state=ActionState.REFUSED)) == "dddsssn"
    assert standings(Stage.WATCH) == "dsssssn"
    assert standings(Stage.DONE, done, status=IncidentStatus.RESOLVED) == "ddddddd"
