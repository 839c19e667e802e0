"""decide(): the one place where it is settled whether an action may run. Pure: no I/O, no clock, no chance."""

from aetherlink.model.decisions import Decision, Effect, Objection
from aetherlink.model.questions import Question
from aetherlink.policy.rule import Rule, deny
from aetherlink.policy.rules import RULES

ALLOWED = Decision(Effect.ALLOW, "all_rules", "no rule has anything against it")

_STRICTEST_FIRST = (Effect.DENY, Effect.OBSERVE, Effect.NEEDS_APPROVAL)


def decide(question: Question) -> Decision:
    """The first denial in the order of the rules; else the first that lets it only observe, or asks for approval.

    Allowed when no rule has anything against it. Every rule is asked, and what each one has against it is kept.
    """
    objections = tuple(found for rule in RULES if (found := _asked(rule, question)) is not None)
    for effect in _STRICTEST_FIRST:
        first = next((one for one in objections if one.effect is effect), None)
        if first is not None:
            return Decision(first.effect, first.rule, first.reason, objections)
    return ALLOWED


def _asked(rule: Rule, question: Question) -> Objection | None:
    try:
        return rule(question)
    except Exception as problem:  # noqa: BLE001 - the named boundary of a rule: one that fails denies
        return deny(rule.__name__, f"the rule could not be asked: {type(problem).__name__}")
