"""A message that only tests a channel: an incident that nobody has, opened and resolved, so that nothing stays open."""

import asyncio

from aetherlink.errors import UndeliveredError
from aetherlink.model import lifecycle
from aetherlink.model.deliveries import Failure
from aetherlink.model.incidents import Severity
from aetherlink.outbox.own_letters import own_incident, own_letter
from aetherlink.outbox.plan import ChannelPlan
from aetherlink.ports import Clock, Ids, Notifier

TITLE = "TEST of AetherLink Command: nothing is wrong"
_OPENED = "a person tests the channel {}: nobody has to do anything"
_RESOLVED = "the test is over"
_PATIENCE = 3  # deadlines, for three calls


async def try_out(notifier: Notifier, plan: ChannelPlan, *, clock: Clock, ids: Ids, link: str) -> str:
    """Tell the channel of the test; what was told where, in words. Raises UndeliveredError."""
    try:
        async with asyncio.timeout(_PATIENCE * plan.deadline.total_seconds()):
            return await _told(notifier, plan, clock, ids, link)
    except TimeoutError as late:
        raise UndeliveredError("no answer in time", failure=Failure.DEADLINE, is_unsure=True) from late


async def _told(notifier: Notifier, plan: ChannelPlan, clock: Clock, ids: Ids, link: str) -> str:
    incident = own_incident(ids.new("inc"), TITLE, severity=Severity.INFO, at=clock.now())
    opened = own_letter(incident, _OPENED.format(plan.name), link=link, reference={})
    told = await notifier.tell(opened, deadline=plan.deadline)
    over = lifecycle.recovered(incident, at=clock.now())
    await notifier.tell(own_letter(over, _RESOLVED, link=link, reference=told), deadline=plan.deadline)
    return f"opened and resolved a test incident: {await notifier.check(deadline=plan.deadline)}"
