"""A message that only tests a channel: an incident that nobody has, opened and resolved, so that nothing stays open."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from aetherlink.errors import UndeliveredError
from aetherlink.model import lifecycle
from aetherlink.model.deliveries import Failure, Letter
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
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
    incident = _incident(ids, clock.now())
    told = await notifier.tell(_letter(incident, _OPENED.format(plan.name), link, {}), deadline=plan.deadline)
    over = lifecycle.recovered(incident, at=clock.now())
    await notifier.tell(_letter(over, _RESOLVED, link, told), deadline=plan.deadline)
    return f"opened and resolved a test incident: {await notifier.check(deadline=plan.deadline)}"


def _incident(ids: Ids, now: datetime) -> Incident:
    return Incident(
        id=IncidentId(ids.new("inc")),
        key="test",
        origin=Origin.REQUEST,
        source=SourceName("test"),
        title=TITLE,
        tenant="",
        service="",
        severity=Severity.INFO,
        vip=False,
        status=IncidentStatus.OPEN,
        stage=Stage.WATCH,
        opened_at=now,
        updated_at=now,
    )


def _letter(incident: Incident, text: str, link: str, reference: Mapping[str, str]) -> Letter:
    at, is_open = incident.updated_at, incident.status is IncidentStatus.OPEN
    sequence = 1 if is_open else 2
    said = Entry(EventKind.OPENED if is_open else EventKind.RESOLVED, at, text)
    entry = StoredEntry(incident.id, sequence, said, sequence)
    return Letter(incident, (entry,), None, (), reference, at, link=link)
