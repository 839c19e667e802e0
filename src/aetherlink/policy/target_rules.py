"""Rules about the target: seen, within its bounds, above its floor, free, and standing on what works."""

import math
from datetime import timedelta

from aetherlink.model.actions import Action, OutcomeStatus, Verb
from aetherlink.model.decisions import Effect, Objection
from aetherlink.model.ids import TargetName
from aetherlink.model.questions import Question
from aetherlink.model.snapshots import changed_since
from aetherlink.policy.rule import deny

_HOUR = timedelta(hours=1)


def scale_is_within_bounds(question: Question) -> Objection | None:
    """A number of replicas is given, and lies between the target's minimum and maximum."""
    plan = question.plan
    if plan.verb is not Verb.SCALE:
        return None
    target = question.target
    if plan.replicas is not None and target.minimum <= plan.replicas <= target.maximum:
        return None
    reason = f"{plan.replicas} replicas are outside {target.minimum} to {target.maximum} of target {target.name}"
    return deny("scale_is_within_bounds", reason)


def request_is_declared(question: Question) -> Objection | None:
    """Only a request that the settings fix for this very target is sent to it."""
    plan, target = question.plan, question.target
    if plan.verb is not Verb.HTTP or target.declares(plan.request):
        return None
    known = ", ".join(one.name for one in target.requests) or "none"
    return deny("request_is_declared", f"target {target.name} has no request {plan.request!r}: it has {known}")


def target_is_seen(question: Question) -> Objection | None:
    """Nothing is done to a target that its executor cannot look at."""
    seen = question.seen.get(question.plan.target)
    if seen is not None and seen.observation is not None:
        return None
    why = "nobody looked" if seen is None else seen.problem
    return deny("target_is_seen", f"{question.plan.target} cannot be looked at: {why}")


def target_is_as_it_was_left(question: Question) -> Objection | None:
    """What a person wants taken back is taken back only while nobody has changed the target since."""
    plan, left, seen = question.plan, question.left, question.seen.get(question.plan.target)
    if plan.restores is None:
        return None
    if left is None:
        return deny("target_is_as_it_was_left", f"action {plan.restores} is not known any more")
    why = changed_since(left, None if seen is None else seen.observation)
    return deny("target_is_as_it_was_left", f"{why}: ask for what you want with `aether act`") if why else None


def target_is_not_stopped(question: Question) -> Objection | None:
    """A playbook leaves alone what somebody has stopped on purpose."""
    seen = question.seen.get(question.plan.target)
    if not question.is_automatic or question.is_undo or seen is None or seen.observation is None:
        return None
    if seen.observation.wanted > 0:
        return None
    return deny("target_is_not_stopped", f"no replica of {question.plan.target} is wanted: somebody has stopped it")


def floor_holds(question: Question) -> Objection | None:
    """An action leaves the floor of replicas ready; where fewer than that are ready, it takes none of them away."""
    plan, target = question.plan, question.target
    seen = question.seen.get(plan.target)
    if seen is None or seen.observation is None:
        return None
    ready, floor = seen.observation.ready, target.floor_of(seen.observation.wanted)
    if floor == 0 or ready == 0:
        return None
    left = _left(question, ready)
    if left >= floor or left >= ready:
        return None
    reason = f"{plan.words} would leave {left} of {ready} ready replicas, and the floor of {target.name} is"
    return deny("floor_holds", f"{reason} {floor}")


def _left(question: Question, ready: int) -> int:
    """How many replicas that are ready now stay so while the plan is carried out."""
    plan, seen = question.plan, question.seen[question.plan.target]
    if plan.verb is Verb.SCALE:
        return min(ready, plan.replicas or 0)
    if plan.verb is Verb.LIMITS:
        return ready
    return ready - 1 if seen.is_rolling else 0


def dependencies_work(question: Question) -> Objection | None:
    """A playbook does not act on what depends on something broken; what cannot be looked at counts as broken."""
    if not question.is_automatic or question.is_undo:
        return None
    plan = question.plan
    for name in dict.fromkeys((*question.target.depends_on, *plan.unless)):
        if why := _is_broken(question, name):
            return deny("dependencies_work", f"{plan.target} depends on {name}, and {why}")
    return None


def _is_broken(question: Question, name: TargetName) -> str:
    if name in question.unwell:
        return "an incident is open for that"
    seen = question.seen.get(name)
    if seen is None or seen.is_broken is None:
        return f"that cannot be looked at: {'nobody did' if seen is None else seen.problem}"
    return "that is broken" if seen.is_broken else ""


def target_is_free(question: Question) -> Objection | None:
    """One action on a target at a time; a playbook also waits until it is known whether the last one helped."""
    running = next((action for action in question.recent if action.finished_at is None), None)
    if running is not None:
        return deny("target_is_free", f"action {running.id} on {question.plan.target} is still running")
    if not question.is_automatic or question.is_undo:
        return None
    judged = next((action for action in question.recent if _is_being_judged(question, action)), None)
    if judged is None:
        return None
    return deny("target_is_free", f"nobody knows yet whether action {judged.id} on {question.plan.target} helped")


def _is_being_judged(question: Question, action: Action) -> bool:
    """Whether its repair is being verified; nobody verifies for longer than twice the time that its plan gives."""
    is_done = action.outcome is not None and action.outcome.status in (OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED)
    is_looked_after = bool(action.plan.verify) or action.plan.chain is not None
    if not is_done or not is_looked_after or action.verdict is not None or action.finished_at is None:
        return False
    return question.now < action.finished_at + 2 * timedelta(seconds=action.plan.verify_within_seconds)


def brake_is_released(question: Question) -> Objection | None:
    """A playbook keeps off what is held back until a person lets go of it."""
    brake = next((brake for brake in question.brakes if brake.effect is Effect.DENY), None)
    if brake is None or not question.is_automatic or question.is_undo:
        return None
    return deny("brake_is_released", f"{brake.words} (`aether release {brake.scope}` lets go)")


def cooldown_is_over(question: Question) -> Objection | None:
    """A playbook leaves its target alone for a while after it acted."""
    plan = question.plan
    if question.is_undo:
        return None
    since = question.now - timedelta(seconds=plan.cooldown_seconds)
    same = (one for one in question.recent if (one.plan.playbook, one.plan.step) == (plan.playbook, plan.step))
    last = max((action.started_at for action in same if action.started_at is not None), default=None)
    if last is None or last <= since:
        return None
    left = math.ceil((last - since).total_seconds())
    return deny("cooldown_is_over", f"it acted on {plan.target} before: {left} s to wait")


def hourly_limit_holds(question: Question) -> Objection | None:
    """A target is acted on only so often in an hour, whoever asks."""
    if question.is_undo:
        return None
    since = question.now - _HOUR
    count = sum(1 for action in question.recent if action.started_at is not None and action.started_at > since)
    if count < question.plan.per_hour:
        return None
    setting = (
        "requests_per_hour in the settings" if question.plan.playbook is None else "limits.per_hour of the playbook"
    )
    limit = f"the limit is {question.plan.per_hour} ({setting})"
    return deny("hourly_limit_holds", f"{count} actions on {question.plan.target} in the last hour; {limit}")
