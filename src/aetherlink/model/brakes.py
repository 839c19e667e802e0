"""Brakes: what keeps automation from a target or a playbook until a person lets go of it.

A pause is a person's, and stops requests too; a brake is what the agent puts on itself after repairs that did not help,
or what a person's `wrong` puts on a playbook. It outlives incidents, restarts and upgrades: it is a row.
"""

from dataclasses import dataclass
from datetime import datetime

from aetherlink.model.actions import Plan
from aetherlink.model.decisions import Effect
from aetherlink.model.ids import PlaybookName, TargetName


@dataclass(frozen=True, slots=True)
class Brake:
    """What is held back, since when and why. `effect` is deny, or needs_approval where a person may still approve."""

    scope: str
    since: datetime
    reason: str
    set_by: str
    effect: Effect = Effect.DENY

    @property
    def words(self) -> str:
        """The brake in a few words, for people."""
        return f"{self.scope} is held back since {self.since:%Y-%m-%d %H:%M:%S} UTC by {self.set_by}: {self.reason}"


def target_scope(target: TargetName) -> str:
    """All automation on a target."""
    return f"target:{target}"


def playbook_scope(playbook: PlaybookName) -> str:
    """A playbook everywhere."""
    return f"playbook:{playbook}"


def pair_scope(playbook: PlaybookName, target: TargetName) -> str:
    """A playbook on one target."""
    return f"playbook:{playbook}@{target}"


def scopes_of(plan: Plan) -> frozenset[str]:
    """The scopes of all brakes that would hold the plan back; none for a person's request."""
    if plan.playbook is None:
        return frozenset()
    return frozenset({target_scope(plan.target), playbook_scope(plan.playbook), pair_scope(plan.playbook, plan.target)})
