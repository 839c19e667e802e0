"""What a rule is, and how it objects."""

from collections.abc import Callable

from aetherlink.model.decisions import Effect, Objection
from aetherlink.model.questions import Question

Rule = Callable[[Question], Objection | None]
"""None when it has nothing against the plan. A rule is pure, and may raise: that counts as a denial."""


def deny(rule: str, reason: str) -> Objection:
    """It must not run, whoever approves it."""
    return Objection(Effect.DENY, rule, reason)
