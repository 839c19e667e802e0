"""What each channel was told, in memory."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aetherlink.model.deliveries import (
    FARTHEST,
    KEPT_TRYING,
    LOWEST_PRIORITY,
    ChannelState,
    Delivery,
    DeliveryState,
    DigestCounts,
)
from aetherlink.model.ids import ChannelName, IncidentId
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.simulation.undo import Undo, page_of

Key = tuple[str, ChannelName]


@dataclass(slots=True)
class DeliveryTable:
    """What is stored of deliveries, by subject and channel; `numbers` is the order in which they were stored first."""

    rows: dict[Key, Delivery] = field(default_factory=dict)
    numbers: dict[int, Key] = field(default_factory=dict)
    cursors: dict[ChannelName, int] = field(default_factory=dict)


class MemoryDeliveryRows:
    """See ports.DeliveryRows."""

    def __init__(self, table: DeliveryTable, undo: Undo, incidents: Mapping[IncidentId, Incident]) -> None:
        self._table = table
        self._undo = undo
        self._incidents = incidents

    def cursor(self, channel: ChannelName) -> int | None:
        """See ports.DeliveryRows."""
        return self._table.cursors.get(channel)

    def set_cursor(self, channel: ChannelName, number: int) -> None:
        """Remember how far was looked for the channel."""
        self._undo.put(self._table.cursors, channel, number)

    def get(self, subject: str, channel: ChannelName) -> Delivery | None:
        """The delivery, or None."""
        return self._table.rows.get((subject, channel))

    def put(self, delivery: Delivery) -> None:
        """Insert it, or replace the one of its subject and channel."""
        key = (delivery.subject, delivery.channel)
        if key not in self._table.rows:
            self._undo.put(self._table.numbers, 1 + max(self._table.numbers, default=0), key)
        self._undo.put(self._table.rows, key, delivery)

    def of(self, subject: str) -> list[Delivery]:
        """See ports.DeliveryRows."""
        found = (one for one in self._table.rows.values() if one.subject == subject)
        return sorted(found, key=lambda one: one.channel)

    def due(
        self, channel: ChannelName, now: datetime, *, limit: int, lowest_priority: int = LOWEST_PRIORITY
    ) -> list[Delivery]:
        """See ports.DeliveryRows."""
        found = (
            one
            for one in self._of_channel(channel)
            if one.due_at is not None
            and (one.due_at <= now or one.due_at > now + FARTHEST)
            and one.priority <= lowest_priority
        )
        return sorted(found, key=lambda one: (not one.asks, one.priority, one.since))[:limit]

    def unheard_requests(self, channel: ChannelName, since: datetime, *, limit: int) -> list[Delivery]:
        """See ports.DeliveryRows."""
        found = (one for one in self._of_channel(channel) if one.asks > 0 and one.since <= since)
        return sorted(found, key=lambda one: one.since)[:limit]

    def open_digest(self, channel: ChannelName, began_after: datetime) -> Delivery | None:
        """See ports.DeliveryRows."""
        found = (one for one in self._of_channel(channel) if one.is_digest and one.began_at > began_after)
        return max(found, key=lambda one: one.began_at, default=None)

    def digest_counts(self, digest: str, channel: ChannelName, *, most: int) -> DigestCounts:
        """See ports.DeliveryRows."""
        members = (one for one in self._of_channel(channel) if one.digest == digest)
        found = [self._incidents[IncidentId(one.subject)] for one in members]
        still_open = [one for one in found if one.status is IncidentStatus.OPEN]
        return DigestCounts(
            incidents=len(found),
            open=len(still_open),
            by_severity=Counter(one.severity for one in still_open),
            worst=sorted(still_open, key=lambda one: (one.priority, one.id))[:most],
        )

    def page(
        self, *, limit: int, before: str | None, channel: ChannelName | None = None, state: DeliveryState | None = None
    ) -> tuple[list[Delivery], str | None]:
        """See ports.DeliveryRows."""
        found = {number: self._table.rows[key] for number, key in self._table.numbers.items()}
        return page_of(
            found,
            limit=limit,
            before=before,
            fits=lambda one: channel in (None, one.channel) and state in (None, one.state),
        )

    def states(self) -> list[ChannelState]:
        """See ports.DeliveryRows."""
        found = defaultdict[ChannelName, list[Delivery]](list)
        for one in self._table.rows.values():
            found[one.channel].append(one)
        return [
            ChannelState(
                channel,
                Counter(one.state for one in of_it),
                min((one.since for one in of_it if one.due_at is not None), default=None),
            )
            for channel, of_it in sorted(found.items())
        ]

    def waiting(self) -> dict[ChannelName, datetime]:
        """See ports.DeliveryRows."""
        found = {one.channel: one.waiting_since for one in self.states()}
        return {channel: since for channel, since in found.items() if since is not None}

    def prune(self, before: datetime, *, limit: int) -> int:
        """See ports.DeliveryRows."""
        over = [(number, key) for number, key in self._table.numbers.items() if self._is_over(key, before)]
        oldest = sorted(over, key=lambda each: self._table.rows[each[1]].since)[:limit]
        for number, key in oldest:
            self._undo.drop(self._table.rows, key)
            self._undo.drop(self._table.numbers, number)
        return len(oldest)

    def _is_over(self, key: Key, before: datetime) -> bool:
        one = self._table.rows[key]
        incident = self._incidents.get(IncidentId(one.subject))
        is_open = incident is not None and incident.status is IncidentStatus.OPEN
        has_members = any(each.digest == one.subject for each in self._of_channel(one.channel))
        is_old = one.since < (before if one.due_at is None else before - KEPT_TRYING)
        return is_old and not is_open and not has_members

    def _of_channel(self, channel: ChannelName) -> Iterator[Delivery]:
        """In the order in which they were stored first."""
        keys = (self._table.numbers[number] for number in sorted(self._table.numbers))
        return (self._table.rows[key] for key in keys if key[1] == channel)
