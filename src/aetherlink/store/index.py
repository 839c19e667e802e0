"""The index of alerts in memory: the latest episode of every fingerprint that is stored.

A unique index in the database costs more the more is stored, for fingerprints come in no order; memory does not. It
needs exactly one writer, which the lock on the database sees to. Changes are staged in a layer and become visible when
the commit that holds them has succeeded, never before.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from aetherlink.model.alerts import Alert, AlertStatus, Standing, Suppression
from aetherlink.model.ids import Fingerprint, IncidentId, SourceName
from aetherlink.store.statements import EPOCH
from aetherlink.store.tables import alerts

# Row, since, whether it is resolved, why it is suppressed, incident: a Standing in plain values. A tuple of nothing
# else is none of the garbage collector's business, which would else walk over all of them again and again.
Known = tuple[int, datetime, bool, str, IncidentId | None]
Key = tuple[SourceName, Fingerprint]
REMEMBERED = timedelta(days=1)  # how long what is over is told from a late repeat
_CHUNK = 20_000
_FEW = 10_000  # episodes that ended: so many at least, until those are looked for that are over for long


def standing_of(known: Known) -> Standing:
    """What is known, in the words of the model."""
    number, since, is_resolved, suppressed, incident_id = known
    status = AlertStatus.RESOLVED if is_resolved else AlertStatus.FIRING
    return Standing(number, since, status, Suppression(suppressed), incident_id)


class AlertIndex:
    """See ports.Standings. Read from any thread, changed only by who has the writer's turn."""

    def __init__(self) -> None:
        self._by_source: dict[SourceName, dict[Fingerprint, Known]] = {}
        self.last_id = 0
        self._ended = 0
        self._most_ended = _FEW

    def of(self, source: SourceName, fingerprint: Fingerprint) -> Standing | None:
        """What is known of the latest episode."""
        known = self.look_up(source, fingerprint)
        return None if known is None else standing_of(known)

    def look_up(self, source: SourceName, fingerprint: Fingerprint) -> Known | None:
        """As `of`, without making a Standing of it."""
        of_source = self._by_source.get(source)
        return None if of_source is None else of_source.get(fingerprint)

    def look_up_all(self, keys: Iterable[Key]) -> list[tuple[Key, Known]]:
        """Those of these that are known."""
        of, nothing = self._by_source, dict[Fingerprint, Known]()
        return [(key, known) for key in keys if (known := of.get(key[0], nothing).get(key[1])) is not None]

    def firing(self, source: SourceName) -> dict[Fingerprint, Standing]:
        """Every alert of the source that fires, those that are suppressed too."""
        of_source = self._by_source.get(source, {}).copy()  # one step: the writer may add meanwhile
        return {key: standing_of(known) for key, known in of_source.items() if not known[2]}

    def is_old_news(self, alert: Alert) -> bool:
        """Whether the report changes nothing: what is known is as late, or later."""
        known = self.look_up(alert.source, alert.fingerprint)
        if known is None or known[3] != alert.suppressed or alert.seen_at is not None:
            return False
        since = alert.since
        return known[1] > since or (known[1] == since and (known[2] or alert.status is AlertStatus.FIRING))

    def load(self, connection: sa.Connection, *, resolved_after: datetime) -> None:
        """Read what fires, and what was over lately; earlier episodes are history. Others read on meanwhile."""
        by_source: dict[SourceName, dict[Fingerprint, Known]] = {}
        self.last_id = connection.execute(sa.select(sa.func.max(alerts.c.id))).scalar() or 0
        columns = (alerts.c.id, alerts.c.since, alerts.c.status, alerts.c.suppressed, alerts.c.incident_id)
        query = sa.select(alerts.c.source, alerts.c.fingerprint, *columns).order_by(alerts.c.id)
        fires = alerts.c.status == AlertStatus.FIRING.value
        lately = sa.and_(alerts.c.status == AlertStatus.RESOLVED.value, alerts.c.updated_at >= resolved_after)
        for condition in (lately, fires):  # what fires comes last: it is the latest episode of its fingerprint
            found = connection.execute(query.where(condition), execution_options={"yield_per": _CHUNK})
            for source, fingerprint, number, since, status, suppressed, incident_id in found:
                known = (number, since, status == AlertStatus.RESOLVED.value, suppressed, incident_id)
                by_source.setdefault(source, {})[fingerprint] = known
        self._by_source = by_source

    def apply(self, staged: "Staged") -> None:
        """Make visible what was committed."""
        for source, known in staged.known.items():
            self._by_source.setdefault(source, {}).update(known)
            self._ended += len([one for one in known.values() if one[2]])
        for source, fingerprint, number in staged.forgotten:
            present = self.look_up(source, fingerprint)
            if present is not None and present[0] == number:
                del self._by_source[source][fingerprint]
        self.last_id = staged.last_id
        if self._ended >= self._most_ended:
            self._let_go()

    def _let_go(self) -> None:
        """Forget what is over for long, as a start would: names that never come again must not fill the memory.

        Looks at everything, so only once as much has ended as there is.
        """
        instants = (known[1] for of_source in self._by_source.values() for known in of_source.values())
        newest = max(instants, default=EPOCH)
        for source, of_source in self._by_source.items():
            self._by_source[source] = {
                fingerprint: known
                for fingerprint, known in of_source.items()
                if not known[2] or known[1] >= newest - REMEMBERED
            }
        self._ended, self._most_ended = 0, max(_FEW, sum(map(len, self._by_source.values())))


class Staged:
    """A layer over the index: what one transaction knows and others do not yet."""

    def __init__(self, below: "AlertIndex | Staged") -> None:
        self._below = below
        self.known: dict[SourceName, dict[Fingerprint, Known]] = {}
        self.forgotten: list[tuple[SourceName, Fingerprint, int]] = []
        self.last_id: int = below.last_id

    def look_up(self, source: SourceName, fingerprint: Fingerprint) -> Known | None:
        """The latest episode as this transaction sees it."""
        own = self.known[source].get(fingerprint) if source in self.known else None
        return self._below.look_up(source, fingerprint) if own is None else own

    def look_up_all(self, keys: Iterable[Key]) -> list[tuple[Key, Known]]:
        """Those of these that are known."""
        if not self.known:
            return self._below.look_up_all(keys)
        return [(key, known) for key in keys if (known := self.look_up(*key)) is not None]

    def put(self, episodes: Iterable[tuple[Key, Known]]) -> None:
        """These are the latest episodes from now on."""
        for (source, fingerprint), known in episodes:
            self.known.setdefault(source, {})[fingerprint] = known

    def forget(self, gone: Iterable[tuple[SourceName, Fingerprint, int]]) -> None:
        """These rows are deleted; a later episode of the same fingerprint stays known."""
        self.forgotten += gone

    def absorb(self, upper: "Staged") -> None:
        """Take over what a layer above this one has staged."""
        for source, known in upper.known.items():
            self.known.setdefault(source, {}).update(known)
        self.forgotten += upper.forgotten
        self.last_id = upper.last_id
