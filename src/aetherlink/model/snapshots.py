"""What a target was before an action, and what the action wishes of it: kept with it, for looking and undoing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aetherlink.model.actions import (
    Action,
    Limits,
    Observation,
    Plan,
    Release,
    Replicas,
    Requested,
    StartedAfter,
    Verb,
    Wish,
)

_BEFORE = "before"  # the keys of Action.facts
_RELEASE = "release"
_IDENTITY_AFTER = "identity_after"

KEEP_REPLICAS = frozenset({Verb.ROLLBACK, Verb.LIMITS})
"""What can be undone and leaves the number as it is: another identity after it is somebody else's doing."""


def with_snapshot(action: Action, seen: Observation) -> Action:
    """The action with what its target is before it, and with the release that a rollback wishes."""
    start = None if seen.oldest_start is None else seen.oldest_start.isoformat()
    before: dict[str, object] = {
        "ready": seen.ready,
        "wanted": seen.wanted,
        "release": seen.release,
        "oldest_start": start,
    }
    if seen.limits != Limits():
        before["limits"] = {"memory": seen.limits.memory, "nano_cpus": seen.limits.nano_cpus}
    facts = {**action.facts, _BEFORE: before}
    if action.plan.verb is Verb.ROLLBACK:
        facts[_RELEASE] = action.plan.release or seen.previous_release
    return replace(action, facts=facts)


def with_identity_after(action: Action, seen: Observation) -> Action:
    """The action with what its target is once it was carried out; as it was where the executor cannot tell.

    Of a rollback and of limits only: replicas come and go with their number.
    """
    if action.plan.verb not in KEEP_REPLICAS or not seen.identity:
        return action
    return replace(action, facts={**action.facts, _IDENTITY_AFTER: seen.identity})


def was_made_anew(action: Action, seen: Observation) -> bool:
    """Whether the target is another one than that which the action left; what is not known is no other one."""
    left = action.facts.get(_IDENTITY_AFTER)
    return bool(left and seen.identity) and seen.identity != left


def before_of(action: Action) -> Observation | None:
    """What its target was before it; None when that was not kept."""
    stored = action.facts.get(_BEFORE)
    if not isinstance(stored, Mapping):
        return None
    start = stored.get("oldest_start")
    return Observation(
        ready=int(stored["ready"]),
        wanted=int(stored["wanted"]),
        oldest_start=None if start is None else datetime.fromisoformat(str(start)),
        release=str(stored["release"]),
        limits=Limits(**stored.get("limits", {})),
    )


def wish_of(action: Action) -> Wish:
    """The plan as a wish about state, for an action whose intent is on record."""
    match action.plan.verb:
        case Verb.RESTART:
            chain = action.plan.chain
            return StartedAfter(chain.since if chain is not None else action.started_at or action.created_at)
        case Verb.SCALE:
            return Replicas(action.plan.replicas or 0)
        case Verb.ROLLBACK:
            return Release(str(action.facts.get(_RELEASE, "")))
        case Verb.LIMITS:
            return action.plan.limits
        case Verb.HTTP:
            return Requested(action.plan.request, key=action.id)


def is_as_left(action: Action, seen: Observation) -> bool:
    """Whether the target is what the action made it, and the same one; what is ready of it may come and go."""
    return _still_wants(seen, wish_of(action)) and not was_made_anew(action, seen)


@dataclass(frozen=True, slots=True)
class Left:
    """An action that is to be taken back, and another one that was started on its target after it; None: none was."""

    action: Action
    later: Action | None = None


def changed_since(left: Left, seen: Observation | None) -> str:
    """Why taking it back would destroy what somebody has done since; empty where nobody has, as far as is seen."""
    if left.later is not None:
        return f"{left.later.plan.words} (action {left.later.id}) was done after it"
    if seen is not None and not is_as_left(left.action, seen):
        return f"{left.action.plan.target} was changed by somebody else after it"
    return ""


def _still_wants(seen: Observation, wish: Wish) -> bool:
    match wish:
        case Replicas(count):
            return seen.wanted == count
        case Release(name):
            return seen.release == name
        case Limits():
            return seen.limits.has(wish)
        case _:
            return True


def restoring_plan(action: Action) -> Plan | None:
    """The plan that brings back what the target was before the action; None where nothing can, or it is not known."""
    before = before_of(action)
    return None if before is None else _bringing_back(action, before)


def _bringing_back(action: Action, before: Observation) -> Plan | None:
    kept = replace(
        action.plan,
        when="",
        verify="",
        replicas=None,
        release="",
        limits=Limits(),
        undo=False,
        undo_of=action.id,
        cooldown_seconds=0.0,
        silence=False,
        identity="",
        dependents=(),
    )
    match before.restoring(wish_of(action)):
        case Replicas(count):
            return replace(kept, verb=Verb.SCALE, replicas=count)
        case Release(name):
            return replace(kept, verb=Verb.ROLLBACK, release=name)
        case Limits() as limits:
            return replace(kept, verb=Verb.LIMITS, limits=limits)
        case _:
            return None
