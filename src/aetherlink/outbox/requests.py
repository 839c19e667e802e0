"""An approval request that nobody could hear goes to the next channel."""

from dataclasses import replace
from datetime import datetime

from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, IncidentId
from aetherlink.model.incidents import Incident, Stage
from aetherlink.outbox.collecting import new_delivery
from aetherlink.outbox.plan import RequestPlan
from aetherlink.ports import Transaction

_AT_ONCE = 50


def pass_on_unheard(
    transaction: Transaction, channel: ChannelName, plan: RequestPlan, now: datetime
) -> frozenset[ChannelName]:
    """Pass on what this channel could not say in time. Returns the channels that have something to say now."""
    unheard = transaction.deliveries.unheard_requests(channel, now - plan.within, limit=_AT_ONCE)
    return frozenset(name for one in unheard if (name := _passed_on(transaction, one, plan, now)) is not None)


def _passed_on(transaction: Transaction, unheard: Delivery, plan: RequestPlan, now: datetime) -> ChannelName | None:
    incident = transaction.incidents.get(IncidentId(unheard.subject))
    if incident is None or incident.stage is not Stage.APPROVE:
        transaction.deliveries.put(replace(unheard, asks=0))  # nobody waits for an answer any more
        return None
    following = _next(transaction, unheard, plan)
    transaction.deliveries.put(replace(unheard, asks=-unheard.asks))  # else it would be found, and others behind it not
    if following is not None:
        transaction.deliveries.put(_asking(transaction, incident, unheard, following, now))
    return following


def _next(transaction: Transaction, unheard: Delivery, plan: RequestPlan) -> ChannelName | None:
    """The first channel that was not asked yet; None where one of them has been heard, or all were asked."""
    known = {one.channel: one for one in transaction.deliveries.of(unheard.subject)}
    if any(one.told >= unheard.asks for name, one in known.items() if name not in plan.records):
        return None
    asked = {name for name, one in known.items() if one.asks} | plan.records
    return next((name for name in plan.order if name not in asked), None)


def _asking(
    transaction: Transaction, incident: Incident, unheard: Delivery, channel: ChannelName, now: datetime
) -> Delivery:
    known = transaction.deliveries.get(incident.id, channel) or new_delivery(incident, channel, now)
    return replace(
        known,
        state=DeliveryState.WAITING,
        wanted=max(known.wanted, unheard.wanted),
        since=now,
        due_at=now,
        asks=unheard.asks,
        is_unsure=known.is_doubtful,
        attempts=0,
    )
