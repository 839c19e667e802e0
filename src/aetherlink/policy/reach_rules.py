"""Rules about what can be had of a target: more replicas, an earlier release, other limits."""

from aetherlink.model.actions import NO_LIMITS, Limits, Observation, Verb
from aetherlink.model.decisions import Objection
from aetherlink.model.questions import Question
from aetherlink.policy.rule import deny


def replicas_can_be_had(question: Question) -> Objection | None:
    """No more replicas are wished for than its executor can bring about."""
    plan, seen = question.plan, _observed(question)
    if plan.verb is not Verb.SCALE or plan.replicas is None or seen is None or seen.most_replicas is None:
        return None
    if plan.replicas <= max(seen.most_replicas, seen.wanted):
        return None
    reason = f"{plan.words}: {seen.most_replicas} can be had, and no more: {seen.no_more}"
    return deny("replicas_can_be_had", reason)


def release_is_known(question: Question) -> Objection | None:
    """A rollback needs a release to go back to, and hands that can bring it."""
    plan, seen = question.plan, _observed(question)
    if plan.verb is not Verb.ROLLBACK or seen is None:
        return None
    if seen.no_release:
        return deny("release_is_known", f"{plan.words}: {seen.no_release}")
    if not plan.release and not seen.previous_release:
        mixed = "" if seen.release else ", for its replicas run different ones"
        return deny("release_is_known", f"{plan.target} has no previous release to roll back to{mixed}")
    return None


def limits_are_within_bounds(question: Question) -> Objection | None:
    """Limits are changed up to what the target declares, and lowered only where it says how far."""
    plan, seen = question.plan, _observed(question)
    if plan.verb is not Verb.LIMITS or seen is None:
        return None
    why = _wrong_with_limits(question, seen.limits)
    return deny("limits_are_within_bounds", f"{plan.words}: {why}") if why else None


def _wrong_with_limits(question: Question, now: Limits) -> str:
    wish, most, least = question.plan.limits, question.target.most, question.target.least
    if wish == NO_LIMITS:
        return "there is no limit that could be changed, or it is not the same for all replicas"
    if now.instead_of(wish) is None:
        return "what has no limit now is not limited, and replicas with different limits are left alone"
    if now.has(wish):
        return "these are its limits already: it is as far as `max_memory` and `max_cpus` let it go"
    kinds = (
        ("memory", wish.memory, now.memory, most.memory, least.memory),
        ("cpus", wish.nano_cpus, now.nano_cpus, most.nano_cpus, least.nano_cpus),
    )
    is_undo = question.is_undo or question.plan.restores is not None
    return next(filter(None, (_out_of_bounds(*kind, is_undo=is_undo) for kind in kinds if kind[1])), "")


def _out_of_bounds(name: str, wish: int, now: int, most: int, least: int, *, is_undo: bool) -> str:
    if not most:
        return f"the target declares no max_{name}"
    if wish > most:
        return f"that is above the max_{name} of the target"
    if wish < now and not is_undo and not 0 < least <= wish:
        return f"that is below the min_{name} of the target" if least else f"without a min_{name} it is not lowered"
    return ""


def _observed(question: Question) -> Observation | None:
    seen = question.seen.get(question.plan.target)
    return None if seen is None else seen.observation
