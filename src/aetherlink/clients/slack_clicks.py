"""What a button of a message carries: shared by who writes the messages and who hears the buttons."""

import re
from dataclasses import dataclass
from enum import StrEnum

from aetherlink.errors import BadRequestError

APPROVAL_BLOCK = "aether_approval"
REASON_BLOCK = "aether_reason"
_VALUE = re.compile(r"(act-[A-Za-z0-9-]{1,60}) ([0-9a-f]{64}|)")


class Say(StrEnum):
    """What a button says; its `action_id` in Slack."""

    APPROVE = "aether_approve"
    DENY = "aether_deny"
    WRONG = "aether_wrong"


@dataclass(frozen=True, slots=True)
class ButtonValue:
    """The action and the hash of the plan as it was shown; of an action that was not asked for the hash is empty."""

    action_id: str
    plan_hash: str = ""

    def __str__(self) -> str:
        return f"{self.action_id} {self.plan_hash}"

    @classmethod
    def read(cls, text: str) -> "ButtonValue":
        """What was written. Raises BadRequestError."""
        found = _VALUE.fullmatch(text)
        if found is None:
            raise BadRequestError("the button carries no action of this agent")
        return cls(*found.groups())
