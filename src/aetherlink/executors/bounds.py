"""What no executor ever sends, whoever decided it: the last look at the target's own bounds."""

from aetherlink.model.actions import Release, Replicas, Requested, Target, Wish


def refusal(target: Target, wish: Wish) -> str:
    """Why it is not sent, in words; empty when nothing is wrong with it."""
    match wish:
        case Replicas(count) if not target.minimum <= count <= target.maximum:
            return f"{count} replicas of {target.name} are outside its bounds, {target.minimum} to {target.maximum}"
        case Release(""):
            return f"there is no release to deploy to {target.name}: it has no previous one"
        case Requested(name) if not target.declares(name):
            return f"{target.name} has no request {name!r} in the settings"
    return ""
