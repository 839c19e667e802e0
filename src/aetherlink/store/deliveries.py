"""What each channel was told, one row an incident, and how far each has looked through the timelines."""

from collections import defaultdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aetherlink.model.deliveries import (
    FARTHEST,
    KEPT_TRYING,
    LOWEST_PRIORITY,
    ChannelState,
    Delivery,
    DeliveryState,
    DigestCounts,
)
from aetherlink.model.ids import ChannelName
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.store import rows
from aetherlink.store.incidents import incident_of
from aetherlink.store.prepared import Prepared
from aetherlink.store.tables import channels, deliveries, incidents

_MOST_READ = 5000  # rows looked at for one narrowed page
_ITS = deliveries.c.channel == sa.bindparam("its_channel")
_ONE = sa.and_(deliveries.c.subject == sa.bindparam("its_subject"), _ITS)
_DUE_BY = sa.or_(
    deliveries.c.due_at <= sa.bindparam("by", type_=deliveries.c.due_at.type),
    deliveries.c.due_at > sa.bindparam("beyond", type_=deliveries.c.due_at.type),
)
_SINCE = deliveries.c.since <= sa.bindparam("by", type_=deliveries.c.since.type)
_ASKS = sa.text(
    "deliveries.asks > 0"
)  # as the partial indexes say it: a parameter would hide from the planner that they fit
_IS_MEMBER = sa.text("deliveries.digest <> ''")
_IS_DIGEST = sa.text(f"deliveries.priority = {LOWEST_PRIORITY}")

_GET = Prepared(sa.select(deliveries).where(_ONE))
_OF = Prepared(
    sa.select(deliveries).where(deliveries.c.subject == sa.bindparam("its_subject")).order_by(deliveries.c.channel)
)
_DUE = Prepared(
    sa.select(deliveries)
    .where(_ITS, _DUE_BY, deliveries.c.priority <= sa.bindparam("lowest"))
    .order_by(sa.case((deliveries.c.asks != 0, 0), else_=1), deliveries.c.priority, deliveries.c.since, deliveries.c.id)
    .limit(sa.bindparam("most"))
)
_UNHEARD = Prepared(
    sa.select(deliveries)
    .where(_ITS, _ASKS, _SINCE)
    .order_by(deliveries.c.since, deliveries.c.id)
    .limit(sa.bindparam("most"))
)
_COUNTS = Prepared(
    sa.select(deliveries.c.channel, deliveries.c.state, sa.func.count().label("count")).group_by(
        deliveries.c.channel, deliveries.c.state
    )
)
_OLDEST = Prepared(
    sa.select(deliveries.c.channel, sa.func.min(deliveries.c.since).label("oldest"))
    .where(deliveries.c.due_at.is_not(None))
    .group_by(deliveries.c.channel)
)
_CURSOR = Prepared(sa.select(channels.c.cursor).where(channels.c.name == sa.bindparam("its_channel")))


class SqlDeliveryRows:
    """See ports.DeliveryRows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def cursor(self, channel: ChannelName) -> int | None:
        """See ports.DeliveryRows."""
        row = _CURSOR.first(self._connection, {"its_channel": channel})
        return None if row is None else int(row.cursor)

    def set_cursor(self, channel: ChannelName, number: int) -> None:
        """Remember how far was looked for the channel."""
        is_it = channels.c.name == channel
        if not self._connection.execute(sa.update(channels).where(is_it).values(cursor=number)).rowcount:
            self._connection.execute(sa.insert(channels).values(name=channel, cursor=number))

    def get(self, subject: str, channel: ChannelName) -> Delivery | None:
        """The delivery, or None."""
        row = _GET.first(self._connection, {"its_subject": subject, "its_channel": channel})
        return None if row is None else _delivery(row)

    def put(self, delivery: Delivery) -> None:
        """Insert it, or replace the one of its subject and channel."""
        values = _values(delivery)
        is_it = sa.and_(deliveries.c.subject == delivery.subject, deliveries.c.channel == delivery.channel)
        if not self._connection.execute(sa.update(deliveries).where(is_it).values(values)).rowcount:
            self._connection.execute(sa.insert(deliveries).values(values))

    def of(self, subject: str) -> list[Delivery]:
        """See ports.DeliveryRows."""
        return [_delivery(row) for row in _OF.all(self._connection, {"its_subject": subject})]

    def due(
        self, channel: ChannelName, now: datetime, *, limit: int, lowest_priority: int = LOWEST_PRIORITY
    ) -> list[Delivery]:
        """See ports.DeliveryRows."""
        beyond = now + FARTHEST
        values = {"its_channel": channel, "by": now, "beyond": beyond, "most": limit, "lowest": lowest_priority}
        return [_delivery(row) for row in _DUE.all(self._connection, values)]

    def unheard_requests(self, channel: ChannelName, since: datetime, *, limit: int) -> list[Delivery]:
        """See ports.DeliveryRows."""
        values = {"its_channel": channel, "by": since, "most": limit}
        return [_delivery(row) for row in _UNHEARD.all(self._connection, values)]

    def open_digest(self, channel: ChannelName, began_after: datetime) -> Delivery | None:
        """See ports.DeliveryRows."""
        is_newest = (
            sa.select(deliveries)
            .where(deliveries.c.channel == channel, _IS_DIGEST, deliveries.c.began_at > began_after)
            .order_by(deliveries.c.began_at.desc())
            .limit(1)
        )
        row = self._connection.execute(is_newest).first()
        return None if row is None else _delivery(row)

    def digest_counts(self, digest: str, channel: ChannelName, *, most: int) -> DigestCounts:
        """See ports.DeliveryRows."""
        joined = deliveries.join(incidents, incidents.c.id == deliveries.c.subject)
        is_of_it = sa.and_(_IS_MEMBER, deliveries.c.digest == digest, deliveries.c.channel == channel)
        is_open = incidents.c.status == IncidentStatus.OPEN.value
        counted = self._connection.execute(
            sa.select(incidents.c.severity, incidents.c.status, sa.func.count().label("count"))
            .select_from(joined)
            .where(is_of_it)
            .group_by(incidents.c.severity, incidents.c.status)
        ).all()
        worst = self._connection.execute(
            sa.select(incidents)
            .select_from(joined)
            .where(is_of_it, is_open)
            .order_by(incidents.c.priority, incidents.c.id)
            .limit(most)
        )
        return _counts([(row[0], row[1], row[2]) for row in counted], [incident_of(row) for row in worst])

    def page(
        self, *, limit: int, before: str | None, channel: ChannelName | None = None, state: DeliveryState | None = None
    ) -> tuple[list[Delivery], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        fits: list[sa.ColumnElement[bool]] = []
        if channel is not None:
            fits.append(rows.unindexed(deliveries.c.channel) == channel)
        if state is not None:
            fits.append(deliveries.c.state == state.value)
        found, cursor = rows.bounded_page(
            self._connection, deliveries.c.id, fits, most=_MOST_READ, limit=limit, before=before
        )
        return [_delivery(row) for row in found], cursor

    def states(self) -> list[ChannelState]:
        """See ports.DeliveryRows."""
        found = defaultdict[str, dict[DeliveryState, int]](dict)
        for row in _COUNTS.all(self._connection):
            found[row.channel][DeliveryState(row.state)] = row.count
        oldest = self.waiting()
        return [
            ChannelState(ChannelName(name), by_state, oldest.get(ChannelName(name)))
            for name, by_state in sorted(found.items())
        ]

    def waiting(self) -> dict[ChannelName, datetime]:
        """See ports.DeliveryRows."""
        return {ChannelName(row.channel): row.oldest for row in _OLDEST.all(self._connection)}

    def prune(self, before: datetime, *, limit: int) -> int:
        """See ports.DeliveryRows."""
        told = self._pruned(deliveries.c.due_at.is_(None), before, limit)
        return told + self._pruned(deliveries.c.due_at.is_not(None), before - KEPT_TRYING, limit - told)

    def _pruned(self, which: sa.ColumnElement[bool], before: datetime, limit: int) -> int:
        its_incident = sa.select(incidents.c.id).where(
            incidents.c.id == deliveries.c.subject, incidents.c.status == IncidentStatus.OPEN.value
        )
        member = deliveries.alias("member")
        its_members = sa.select(member.c.id).where(
            sa.text("member.digest <> ''"),
            member.c.digest == deliveries.c.subject,
            member.c.channel == deliveries.c.channel,
        )
        over = (
            sa.select(deliveries.c.id)
            .where(which, deliveries.c.since < before)
            .where(~its_incident.exists(), ~its_members.exists())
            .order_by(deliveries.c.since)
            .limit(limit)
        )
        return self._connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(over))).rowcount


def _counts(counted: list[tuple[str, str, int]], worst: list[Incident]) -> DigestCounts:
    still_open = [(severity, count) for severity, status, count in counted if status == IncidentStatus.OPEN.value]
    return DigestCounts(
        incidents=sum(count for _, _, count in counted),
        open=sum(count for _, count in still_open),
        by_severity={Severity(severity): count for severity, count in still_open},
        worst=worst,
    )


def _values(one: Delivery) -> dict[str, object]:
    return {
        "subject": one.subject,
        "channel": one.channel,
        "priority": one.priority,
        "state": one.state.value,
        "wanted": one.wanted,
        "told": one.told,
        "since": one.since,
        "began_at": one.began_at,
        "due_at": one.due_at,
        "attempts": one.attempts,
        "is_unsure": one.is_unsure,
        "asks": one.asks,
        "reference": dict(one.reference),
        "digest": one.digest,
        "failure": one.failure,
        "problem": one.problem,
    }


def _delivery(row: Any) -> Delivery:
    values = row._asdict()
    del values["id"]
    return Delivery(**{**values, "state": DeliveryState(row.state), "channel": ChannelName(row.channel)})
