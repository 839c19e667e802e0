"""From the timelines to what is to be told: the entries that are new since the last look, filed by incident.

The timeline is the outbox: its entries are stored in the transaction that changed the state, and each channel keeps
the number of the last one that it has looked at. So nothing is lost, and the pipeline writes nothing for any channel.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.agent_record import is_record
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, IncidentId
from aetherlink.model.incidents import Incident
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.outbox import storm
from aetherlink.outbox.routes import Routing
from aetherlink.ports import Transaction

AT_ONCE = 50
"""Entries filed in one transaction: few, for who acts must not wait for the writer."""

_AT_ONCE_TOLD = frozenset({EventKind.APPROVAL_ASKED, EventKind.ESCALATED})
_IN_PASSING = frozenset(
    {EventKind.ALERTS, EventKind.PLANNED, EventKind.VERIFYING, EventKind.SUPPRESSED, EventKind.RELEASED}
)
_SETTLE = timedelta(seconds=1)  # what belongs together is stored within a moment, and told together
_LATER = timedelta(seconds=30)  # what alone is hardly worth a message
_FAR = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Collecting:
    """For which channel, by which routes."""

    channel: ChannelName
    routing: Routing

    def begin(self, transaction: Transaction, newest: int) -> None:
        """A new channel is told of what is stored from now on."""
        if transaction.deliveries.cursor(self.channel) is None:
            transaction.deliveries.set_cursor(self.channel, newest)

    def run(self, transaction: Transaction, now: datetime) -> int:
        """File what is new. Returns how many entries there were: as many as AT_ONCE, and there may be more."""
        after = transaction.deliveries.cursor(self.channel) or 0
        found = transaction.incidents.entries_after(after, limit=AT_ONCE)
        by_incident = defaultdict[IncidentId, list[StoredEntry]](list)
        for one in found:
            by_incident[one.incident_id].append(one)
        for incident_id, entries in by_incident.items():
            self._file(transaction, incident_id, entries, now)
        if found:
            transaction.deliveries.set_cursor(self.channel, found[-1].number)
        return len(found)

    def _file(
        self, transaction: Transaction, incident_id: IncidentId, entries: Sequence[StoredEntry], now: datetime
    ) -> None:
        incident = transaction.incidents.get(incident_id)
        if incident is None or is_record(incident):
            return
        delivery = transaction.deliveries.get(incident_id, self.channel)
        if delivery is None:
            if not self.routing.reaches(self.channel, incident, now):
                return
            delivery = new_delivery(incident, self.channel, entries[0].entry.at)
        if delivery.state is DeliveryState.DIGESTED and any(one.entry.kind is EventKind.REOPENED for one in entries):
            delivery = new_delivery(incident, self.channel, entries[0].entry.at)  # an old digest calls nobody again
        if delivery.digest:  # it counts this one still, also where that was told alone meanwhile
            storm.changed(transaction, delivery.digest, self.channel, now)
        if delivery.state is DeliveryState.DIGESTED and not _asks_for_itself(entries):
            wanted = entries[-1].sequence
            transaction.deliveries.put(replace(delivery, wanted=wanted, told=wanted))
            return
        transaction.deliveries.put(_wanting(delivery, incident, entries, now))


def new_delivery(incident: Incident, channel: ChannelName, at: datetime) -> Delivery:
    """One of which nothing was told yet."""
    return Delivery(
        incident.id, channel, incident.priority, DeliveryState.TOLD, wanted=0, since=at, began_at=at, told=0
    )


def _asks_for_itself(entries: Sequence[StoredEntry]) -> bool:
    """Whether a digest is not enough: a person is asked, or called."""
    return any(one.entry.kind in _AT_ONCE_TOLD for one in entries)


def _wanting(delivery: Delivery, incident: Incident, entries: Sequence[StoredEntry], now: datetime) -> Delivery:
    asks = max((one.sequence for one in entries if one.entry.kind is EventKind.APPROVAL_ASKED), default=0)
    due = now + min(_pause(one.entry.kind) for one in entries)
    return replace(
        delivery,
        priority=incident.priority,
        state=DeliveryState.WAITING,
        wanted=entries[-1].sequence,
        since=_since(delivery, entries, now, is_asked=asks > 0),
        due_at=min(due, delivery.due_at or now + _FAR),
        asks=asks or delivery.asks,
        is_unsure=delivery.is_doubtful,
        attempts=0 if delivery.state is DeliveryState.DEAD else delivery.attempts,
    )


def _since(delivery: Delivery, entries: Sequence[StoredEntry], now: datetime, *, is_asked: bool) -> datetime:
    """A request has all of its own time before others are asked, and what was given up is tried for long again.

    One that is asked anew while it is unheard does not begin to wait anew.
    """
    if is_asked and delivery.asks <= 0:
        return now
    is_awaited = delivery.is_untold and delivery.state is not DeliveryState.DEAD
    return delivery.since if is_awaited else entries[0].entry.at


def _pause(kind: EventKind) -> timedelta:
    if kind in _AT_ONCE_TOLD:
        return timedelta(0)
    return _LATER if kind in _IN_PASSING else _SETTLE
