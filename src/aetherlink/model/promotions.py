"""Promotions: a person lets a playbook do more by itself than its file says, until it fails or its file changes.

A promotion is bound to what stood in the file when it was given: once that changed, the file's own mode counts again.
It is never above what the file sets as its `ceiling`, and never above the settings' `mode`, which policy sees to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.playbooks import Playbook

BY_AGENT = "agent"
"""Who ended a promotion that no person has ended."""

FILE_CHANGED = "lapsed: its file was changed"
"""Why the agent ended a promotion that was for another content."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Up to which mode, of which content (its digest), since when, by whom and why; and how it ended, if it has."""

    playbook: PlaybookName
    mode: Mode
    digest: str
    at: datetime
    by: str
    reason: str
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_because: str = ""

    def holds_for(self, playbook: Playbook) -> bool:
        """Whether it is in force for the playbook as it is now. What has no digest is never promoted."""
        is_same = self.playbook == playbook.name and bool(playbook.digest) and self.digest == playbook.digest
        return is_same and self.ended_at is None

    def state_for(self, playbook: Playbook | None) -> "PromotionState":
        """How it stands with the playbook as it is now; None: that one is gone."""
        if self.ended_at is not None:
            return self._how_it_ended()
        is_held = playbook is not None and self.holds_for(playbook)
        return PromotionState.IN_FORCE if is_held else PromotionState.LAPSED

    def _how_it_ended(self) -> "PromotionState":
        if self.ended_by != BY_AGENT:
            return PromotionState.ENDED
        return PromotionState.LAPSED if self.ended_because == FILE_CHANGED else PromotionState.SET_BACK


class PromotionState(StrEnum):
    """`lapsed`: its file was changed. `set_back`: the agent ended it, `ended`: a person did."""

    IN_FORCE = "in_force"
    LAPSED = "lapsed"
    SET_BACK = "set_back"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DemotionBounds:
    """When the agent sets a promoted playbook back: after so many repairs in a row that did not help.

    Or when of the last `over` repairs a smaller share than `least_share` helped.
    """

    in_a_row: int = 2
    over: int = 10
    least_share: float = 0.8


def mode_with(playbook: Playbook, promotion: Promotion | None) -> Mode:
    """The playbook's own mode, or the higher one that it is promoted to; never above the ceiling of its file."""
    if promotion is None or not promotion.holds_for(playbook) or not playbook.steps:
        return playbook.mode
    promoted = min(promotion.mode, playbook.ceiling, key=lambda mode: mode.rank)
    return max(playbook.mode, promoted, key=lambda mode: mode.rank)


def why_set_back(helped: Sequence[bool], bounds: DemotionBounds) -> str:
    """Why a promotion ends, by its repairs since it was given, the newest first; empty: it does not."""
    if len(helped) >= bounds.in_a_row and not any(helped[: bounds.in_a_row]):
        times = "the last repair" if bounds.in_a_row == 1 else f"the last {bounds.in_a_row} repairs in a row"
        return f"{times} did not help"
    lately = helped[: bounds.over]
    if len(lately) == bounds.over and sum(lately) < bounds.least_share * bounds.over:
        return f"of the last {bounds.over} repairs {sum(lately)} helped, fewer than {bounds.least_share:.0%}"
    return ""
