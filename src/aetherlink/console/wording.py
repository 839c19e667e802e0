"""What became of an action, and what an incident waits for, in the words of the pages."""

from typing import NamedTuple

from aetherlink.model.action_words import ENDED, REFUSED, VERDICTS
from aetherlink.model.actions import Action, ActionState, OutcomeStatus, Verdict
from aetherlink.model.decisions import Effect, Mode
from aetherlink.model.health import HealthStatus
from aetherlink.model.incidents import Stage

_REFUSED = REFUSED | {Effect.OBSERVE: "would have done"}  # what follows it
_UNDER_WAY = {
    ActionState.WAITING_APPROVAL: "Waits for approval",
    ActionState.ALLOWED: "About to do",
    ActionState.RUNNING: "Doing",
}
STAGES = {
    Stage.PLAN: "looks for a playbook",
    Stage.DECIDE: "decides",
    Stage.APPROVE: "waits for approval",
    Stage.ACT: "acts",
    Stage.VERIFY: "checks whether the repair helped",
    Stage.UNDO: "takes the repair back",
    Stage.WATCH: "waits for its alerts to end",
    Stage.DONE: "is done",
}
EFFECTS = {
    Effect.ALLOW: "Allowed",
    Effect.NEEDS_APPROVAL: "A person is asked",
    Effect.OBSERVE: "Only observed",
    Effect.DENY: "Denied",
}
SCORES = {
    HealthStatus.OK: "ok",
    HealthStatus.LOW: "low",
    HealthStatus.NO_DATA: "no data",
    HealthStatus.ERROR: "no answer",
}
MODES = {
    Mode.OBSERVE: "it changes nothing, and says what it would do",
    Mode.APPROVE: "it asks before it changes anything",
    Mode.AUTO: "it repairs what its playbooks allow",
}


class Told(NamedTuple):
    """How an action stands in a few words; `tone` names the style: good, bad, waiting or quiet."""

    words: str
    tone: str


def told(action: Action) -> Told:
    """How the action stands."""
    if action.state is ActionState.REFUSED:
        return Told(_REFUSED[action.decision.effect].capitalize(), "quiet")
    if action.state in _UNDER_WAY or action.outcome is None:
        return Told(_UNDER_WAY.get(action.state, "Ended"), "waiting")
    words, status = ENDED[action.outcome.status].capitalize(), action.outcome.status
    if action.verdict is not None:
        words = f"{words}, and {VERDICTS[action.verdict]}"
    return Told(words, _tone(status, action.verdict))


def _tone(status: OutcomeStatus, verdict: Verdict | None) -> str:
    if status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN) or verdict in (
        Verdict.NOT_RECOVERED,
        Verdict.CANNOT_TELL,
    ):
        return "bad"
    return "good" if verdict is Verdict.RECOVERED else "quiet"
