"""What became of an action is said in the same words on the pages and in Slack, whatever became of it."""

from dataclasses import replace

import pytest

from aetherlink.console.wording import told
from aetherlink.model.actions import VERDICT_FACT, Action, ActionState, Outcome, OutcomeStatus, Verdict
from aetherlink.model.decisions import Decision, Effect
from aetherlink.notifiers import slack_message
from rigs.letters import waiting_action


@pytest.mark.parametrize("effect", Effect)
def test_every_refusal_is_said_alike(effect: Effect) -> None:
    assert_alike(replace(waiting_action(), state=ActionState.REFUSED, decision=Decision(effect, "mode", "so it is")))


@pytest.mark.parametrize("verdict", [None, *Verdict])
@pytest.mark.parametrize("status", OutcomeStatus)
def test_every_end_is_said_alike(status: OutcomeStatus, verdict: Verdict | None) -> None:
    facts = {} if verdict is None else {VERDICT_FACT: verdict.value}
    assert_alike(replace(waiting_action(), state=ActionState.FINISHED, outcome=Outcome(status, ""), facts=facts))


def assert_alike(action: Action) -> None:
    in_slack = slack_message.done(action)[0].removeprefix(f"{action.plan.words}: ")
    assert (
        told(action).words.lower().replace(", and ", ", ").replace("would have done", "would have been done")
        == in_slack
    )
