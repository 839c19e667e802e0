"""Deciding: modes, evidence, and the decision with its reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Mode(StrEnum):
    """How much the agent may do by itself, least first."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """0 for the mode that allows least."""
        return _RANKS[self]


_RANKS = {mode: rank for rank, mode in enumerate(Mode)}


class Effect(StrEnum):
    """What a decision says."""

    ALLOW = "allow"
    NEEDS_APPROVAL = "needs_approval"
    OBSERVE = "observe"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Objection:
    """What one rule has against a plan."""

    effect: Effect
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The effect, the rule that brought it, and the reason in words. `objections` are those of every rule."""

    effect: Effect
    rule: str
    reason: str
    objections: tuple[Objection, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether the action goes on, now or once a person approved it."""
        return self.effect in (Effect.ALLOW, Effect.NEEDS_APPROVAL)


class EvidenceStatus(StrEnum):
    """What a bound query showed. Only `holds` is evidence for it; `no_data` and `error` are evidence of nothing."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does_not_hold"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of one bound query at one moment. `sample_at` is the time of the oldest sample that it rests on.

    `spacing` is how far apart the samples of its series are on the average; None: nobody knows.
    """

    query: str
    status: EvidenceStatus
    checked_at: datetime
    detail: str
    sample_at: datetime | None = None
    spacing: timedelta | None = None
