"""The rules, one undecorated function each; RULES is the list, in the order in which they are asked.

A rule answers None when it has nothing against the plan. The first decision that any rule gives is the decision.
"""

from collections.abc import Callable
from datetime import timedelta

from aetherlink.model.actions import Verb
from aetherlink.model.decisions import Decision, Effect, EvidenceStatus, Mode
from aetherlink.model.questions import Question

Rule = Callable[[Question], Decision | None]

_HOUR = timedelta(hours=1)


def agent_is_not_paused(question: Question) -> Decision | None:
    """Nothing is done while the agent is paused, whatever else is true."""
    if question.paused is None:
        return None
    return Decision(Effect.DENY, "agent_is_not_paused", question.paused)


def target_is_declared(question: Question) -> Decision | None:
    """Nothing is done to a target that nobody declared."""
    target = question.plan.target
    if target in question.targets:
        return None
    reason = f"no target {target!r} is configured: declare it under `targets` in the settings"
    return Decision(Effect.DENY, "target_is_declared", reason)


def scale_is_within_bounds(question: Question) -> Decision | None:
    """A number of replicas is given, and lies between the target's minimum and maximum."""
    plan = question.plan
    if plan.verb is not Verb.SCALE:
        return None
    target = question.targets[plan.target]
    if plan.replicas is not None and target.minimum <= plan.replicas <= target.maximum:
        return None
    reason = f"{plan.replicas} replicas are outside {target.minimum} to {target.maximum} of target {target.name}"
    return Decision(Effect.DENY, "scale_is_within_bounds", reason)


def evidence_holds(question: Question) -> Decision | None:
    """A plan with a condition runs only while the condition holds on fresh data; no data is evidence of nothing."""
    if not question.plan.when:
        return None
    if question.evidence is None:
        return Decision(Effect.DENY, "evidence_holds", f"the condition `{question.plan.when}` was not asked")
    if question.evidence.status is EvidenceStatus.HOLDS:
        return None
    reason = f"the condition `{question.evidence.query}` shows {question.evidence.status}: {question.evidence.detail}"
    return Decision(Effect.DENY, "evidence_holds", reason)


def target_is_free(question: Question) -> Decision | None:
    """One action on a target at a time."""
    running = next((action for action in question.recent if action.finished_at is None), None)
    if running is None:
        return None
    return Decision(Effect.DENY, "target_is_free", f"action {running.id} on {question.plan.target} is still running")


def cooldown_is_over(question: Question) -> Decision | None:
    """A playbook leaves its target alone for a while after it acted."""
    since = question.now - timedelta(seconds=question.plan.cooldown_seconds)
    recent = [action for action in question.recent if action.plan.playbook == question.plan.playbook]
    last = max((action.started_at for action in recent if action.started_at is not None), default=None)
    if last is None or last <= since:
        return None
    left = round((last - since).total_seconds())
    return Decision(Effect.DENY, "cooldown_is_over", f"it acted on {question.plan.target} before: {left} s to wait")


def hourly_limit_holds(question: Question) -> Decision | None:
    """A target is acted on only so often in an hour, whoever asks."""
    since = question.now - _HOUR
    count = sum(1 for action in question.recent if action.started_at is not None and action.started_at > since)
    if count < question.plan.per_hour:
        return None
    setting = (
        "requests_per_hour in the settings" if question.plan.playbook is None else "limits.per_hour of the playbook"
    )
    limit = f"the limit is {question.plan.per_hour} ({setting})"
    reason = f"{count} actions on {question.plan.target} in the last hour; {limit}"
    return Decision(Effect.DENY, "hourly_limit_holds", reason)


def mode_allows(question: Question) -> Decision | None:
    """A playbook can only be at or below the global ceiling; below auto, the agent does not act by itself."""
    mode = min(question.ceiling, question.mode, key=lambda each: each.rank)
    match mode:
        case Mode.AUTO:
            return None
        case Mode.APPROVE:
            return Decision(Effect.NEEDS_APPROVAL, "mode_allows", "mode is approve: a person has to approve it")
        case Mode.OBSERVE:
            return Decision(Effect.OBSERVE, "mode_allows", "mode is observe: it would have acted, and only says so")


RULES: tuple[Rule, ...] = (
    agent_is_not_paused,
    target_is_declared,
    scale_is_within_bounds,
    evidence_holds,
    target_is_free,
    cooldown_is_over,
    hourly_limit_holds,
    mode_allows,
)
