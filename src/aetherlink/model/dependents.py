"""What depends on a target, in the order in which it can be restarted, and what allows it to be.

After a repair its alert is over and its condition does not hold any more: the evidence for what follows is the repair
itself, as it is stored, and what it repaired, as it is seen now.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from aetherlink.model.actions import WRONG_FACT, Action, Chain, Observation, OutcomeStatus, Target, Verb, Verdict
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.ids import TargetName
from aetherlink.model.questions import Seen

STARTING_ANEW = frozenset({Verb.RESTART, Verb.ROLLBACK})
"""What starts its target anew, so that whatever was connected to it has to find it again."""

_MINUTE = timedelta(minutes=1)


def dependents_of(targets: Mapping[TargetName, Target], name: TargetName) -> tuple[TargetName, ...]:
    """What depends on the target, directly or by way of others: each one after all of these that it depends on.

    What depends on itself, which settings refuse, is left out.
    """
    waiting = _reached(targets, name)
    ordered: list[TargetName] = []
    while ready := sorted(one for one in waiting if waiting.isdisjoint(targets[one].depends_on)):
        ordered += ready
        waiting -= set(ready)
    return tuple(ordered)


def _reached(targets: Mapping[TargetName, Target], name: TargetName) -> set[TargetName]:
    found: set[TargetName] = set()
    nearest = {name}
    while nearest:
        nearest = {one.name for one in targets.values() if not nearest.isdisjoint(one.depends_on)} - found - {name}
        found |= nearest
    return found


def has_started_since(seen: Observation, chain: Chain) -> bool:
    """Whether all of it that is wanted has started after the repair, whoever did that."""
    return seen.oldest_start is not None and seen.oldest_start > chain.since


def proof_of(
    chain: Chain, repair: Action | None, repaired: Seen | None, now: datetime, *, within: timedelta
) -> Evidence:
    """What the repair, as it is stored, and what it repaired, as it was seen, are evidence of.

    It counts for so long after the turn of the dependent has come; a clock that was set back makes nothing fresh.
    """
    if why := _unproved(chain, repair):
        return Evidence("", EvidenceStatus.DOES_NOT_HOLD, now, why)
    if abs(now - chain.turn_at) >= within:
        detail = f"its turn came at {chain.turn_at:%Y-%m-%d %H:%M:%S} UTC, and is over after {within / _MINUTE:g} min"
        return Evidence("", EvidenceStatus.DOES_NOT_HOLD, now, detail)
    if repaired is None or repaired.is_broken is None:
        problem = "nobody looked" if repaired is None else repaired.problem
        return Evidence("", EvidenceStatus.NO_DATA, now, f"{chain.target} cannot be looked at: {problem}")
    if repaired.is_broken:
        return Evidence("", EvidenceStatus.DOES_NOT_HOLD, now, f"{chain.target} is broken again")
    detail = f"{chain.repair} was verified, and {chain.target} is up"
    return Evidence("", EvidenceStatus.HOLDS, now, detail, chain.since)


def is_proved(chain: Chain, repair: Action | None) -> bool:
    """Whether the repair stands there as verified, and nobody has called it wrong."""
    return not _unproved(chain, repair)


def _unproved(chain: Chain, repair: Action | None) -> str:
    if repair is None or repair.plan.target != chain.target or not repair.plan.is_repair:
        return f"there is no repair {chain.repair} of {chain.target}"
    if WRONG_FACT in repair.facts:
        return f"a person has called {chain.repair} wrong"
    is_done = repair.outcome is not None and repair.outcome.status is OutcomeStatus.DONE
    return "" if is_done and repair.verdict is Verdict.RECOVERED else f"{chain.repair} is not verified"
