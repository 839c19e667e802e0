"""What no executor ever sends, whoever decided it: the last look at the target's own bounds, and at what can be had."""

from aetherlink.model.actions import Limits, Observation, Release, Replicas, Requested, Target, Wish


def refusal(target: Target, wish: Wish) -> str:
    """Why it is not sent, in words; empty when nothing is wrong with it."""
    match wish:
        case Replicas(count) if not target.minimum <= count <= target.maximum:
            return f"{count} replicas of {target.name} are outside its bounds, {target.minimum} to {target.maximum}"
        case Release(""):
            return f"there is no release to deploy to {target.name}: it has no previous one"
        case Limits() if wish == Limits() or wish.memory > target.most.memory or wish.nano_cpus > target.most.nano_cpus:
            most = target.most.words or "none declared"
            return f"limits of {wish.words or 'nothing'} for {target.name} are outside its bounds ({most})"
        case Requested(name) if not target.declares(name):
            return f"{target.name} has no request {name!r} in the settings"
    return ""


def hindrance(seen: Observation, wish: Wish) -> str:
    """Why what was seen lets nobody carry it out, in words; empty when nothing is in the way."""
    match wish:
        case Replicas(count) if seen.most_replicas is not None and count > max(seen.most_replicas, seen.wanted):
            return f"{count} replicas are wished, and {seen.most_replicas} can be had: {seen.no_more}"
        case Release() if seen.no_release:
            return f"no release can be brought: {seen.no_release}"
        case Limits() if seen.limits.instead_of(wish) is None:
            return "what it wishes to change has no limit now, or not the same one in all replicas"
    return ""
