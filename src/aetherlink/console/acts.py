"""What people do from a page, by the very commands that the API has, and what the page says then.

An answer that is no is shown in words on the page where it was asked, with the status that the API would answer with.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aetherlink.errors import BadRequestError, ConflictError, ForbiddenError, GoneError
from aetherlink.model.ids import ActionId, IncidentId
from aetherlink.web.services import ApiServices

SAID: Mapping[str, str] = {
    "approved": "Approved. The agent looks at the target once more, and then acts.",
    "one-more": "Your yes is stored. One more person has to say yes.",
    "denied": "Denied. It is not carried out, and the agent tries nothing else here.",
    "cancelled": "Taken back.",
    "asked": "Asked to undo it: a request of its own, with an incident of its own. The timeline says which.",
    "wrong": "Noted that it was wrong: its playbook keeps off this target, and asks before it acts elsewhere.",
    "acknowledged": "You look after it.",
    "noted": "Your note is in the timeline.",
    "closed": "Closed.",
}
REFUSALS = (BadRequestError, ConflictError, ForbiddenError, GoneError)
_REASON = "reason"


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody does: `fields` are those of the form, `by` is who."""

    subject: str
    fields: Mapping[str, str]
    by: str

    @property
    def reason(self) -> str:
        """The words of the form, or none."""
        return self.fields.get(_REASON, "")


Doing = Callable[[ApiServices, Act], Awaitable[str]]


async def approve(services: ApiServices, act: Act) -> str:
    """Say yes to what has the hash that the form carries."""
    shown = act.fields.get("plan_hash", "")
    action = await services.approval_commands.approve(ActionId(act.subject), shown, by=act.by)
    return "approved" if action.approval is None or action.approval.is_complete else "one-more"


async def deny(services: ApiServices, act: Act) -> str:
    """Say no."""
    await services.approval_commands.deny(ActionId(act.subject), act.reason, by=act.by)
    return "denied"


async def cancel(services: ApiServices, act: Act) -> str:
    """Take it back."""
    await services.approval_commands.cancel(ActionId(act.subject), by=act.by)
    return "cancelled"


async def wrong(services: ApiServices, act: Act) -> str:
    """Say that it was wrong."""
    await services.approval_commands.wrong(ActionId(act.subject), act.reason, by=act.by)
    return "wrong"


async def undo(services: ApiServices, act: Act) -> str:
    """Ask to bring back what was before it. Raises ConflictError where policy says no."""
    asked = await services.commands.request_undo(ActionId(act.subject), act.reason, principal=act.by)
    if not asked.decision.is_accepted:
        raise ConflictError(f"{asked.decision.reason} ({asked.decision.rule})")
    return "asked"


async def acknowledge(services: ApiServices, act: Act) -> str:
    """Look after it."""
    await services.incident_commands.acknowledge(IncidentId(act.subject), by=act.by)
    return "acknowledged"


async def note(services: ApiServices, act: Act) -> str:
    """Add a note."""
    await services.incident_commands.add_note(IncidentId(act.subject), act.reason, by=act.by)
    return "noted"


async def close(services: ApiServices, act: Act) -> str:
    """Say that it is over."""
    await services.incident_commands.close(IncidentId(act.subject), reason=act.reason, by=act.by)
    return "closed"
