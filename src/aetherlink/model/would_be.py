"""What happened after the agent would have acted and only said so: the ground on which people come to trust a playbook.

Kept with the action that was not carried out, once, by whoever saw the incident end.
"""

from dataclasses import replace
from datetime import datetime

from aetherlink.model.actions import Action
from aetherlink.model.decisions import Effect

THEN_FACT = "then"
HOW = "how"
AFTER = "after_seconds"
BY_ITSELF = "resolved by itself"
BY_A_PERSON = "a person looked after it"
BY_A_REPAIR = "another repair was made"
WORD_OF = {BY_ITSELF: "by_itself", BY_A_PERSON: "by_person", BY_A_REPAIR: "by_repair"}
"""One word for each, as it is counted."""


def followed(action: Action | None, how: str, at: datetime) -> Action | None:
    """The action with what happened then; None where it was carried out, or where that is known already."""
    if action is None or action.decision.effect is not Effect.OBSERVE or THEN_FACT in action.facts:
        return None
    seconds = round((at - action.created_at).total_seconds(), 3)
    return replace(action, facts={**action.facts, THEN_FACT: {HOW: how, AFTER: seconds}})
