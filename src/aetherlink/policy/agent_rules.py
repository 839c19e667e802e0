"""Rules about the agent itself: whether it may do anything now, and what it never touches."""

from aetherlink.model.decisions import Objection
from aetherlink.model.questions import Question
from aetherlink.policy.rule import deny


def agent_is_not_paused(question: Question) -> Objection | None:
    """Nothing is done while the agent, or what the plan is for, is paused, whatever else is true."""
    if question.paused is None:
        return None
    return deny("agent_is_not_paused", question.paused)


def no_window_forbids(question: Question) -> Objection | None:
    """Nothing is changed in a freeze window; only what the agent did itself may be taken back."""
    if question.frozen is None or question.is_undo:
        return None
    return deny("no_window_forbids", question.frozen)


def target_is_declared(question: Question) -> Objection | None:
    """Nothing is done to a target that nobody declared, unless it was found among containers given to the agent."""
    target = question.plan.target
    if target in question.targets:
        return None
    reason = f"no target {target!r} is configured: declare it under `targets` in the settings"
    return deny("target_is_declared", reason)


def target_is_not_its_own(question: Question) -> Objection | None:
    """The agent does not act on what it lives on: itself, its database, its monitoring, the Docker daemon."""
    if question.protected is None:
        return None
    if question.target.is_break_glass:
        return None
    reason = f"{question.plan.target} is {question.protected}: `break_glass` of the target would allow it"
    return deny("target_is_not_its_own", reason)
