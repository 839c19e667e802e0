"""decide(): the one place where it is settled whether an action may run."""

from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.questions import Question
from aetherlink.policy.rules import RULES

ALLOWED = Decision(Effect.ALLOW, "all_rules", "no rule has anything against it")


def decide(question: Question) -> Decision:
    """The first objection of the rules, in their order; allowed when there is none."""
    return next((decision for rule in RULES if (decision := rule(question)) is not None), ALLOWED)
