"""A health score that stays low is an incident, unless one that an alert opened explains it; a good score closes it.

The score is a symptom: it shows that something is wrong, and not what. What an alert has said of the same source and
tenant at about the same time is the cause; then the symptom is a line in that incident's timeline, and no second one.
An alert that comes after the score takes the score's incident over: incidents.gathering does that.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from aetherlink.incidents.condition import REOPEN_WINDOW, Condition
from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.incidents.options import GroupingOptions
from aetherlink.model.health import WHOLE, HealthReading
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, Origin
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store, Transaction

_MERGE_WINDOW = GroupingOptions().merge_window
_LAG = timedelta(minutes=20)
"""For so long a resolved incident explains a low score: the score is an average, and rises late."""


class LowHealth:
    """See ports.HealthSink. `source` is the source whose score is read.

    `merge_window` is how much earlier than the score an incident may have begun that explains it, `reopen_window` how
    long ago its own may have ended to be opened again.
    """

    def __init__(
        self,
        store: Store,
        *,
        ids: Ids,
        source: SourceName,
        merge_window: timedelta = _MERGE_WINDOW,
        reopen_window: timedelta = REOPEN_WINDOW,
    ) -> None:
        self._store = store
        self._ids = ids
        self._source = source
        self._merge_window = merge_window
        self._reopen_window = reopen_window
        self._explained: dict[str, datetime] = {}  # since when each tenant's score is low, where an incident says so

    async def low(self, reading: HealthReading) -> None:
        """Open the incident, or note it in the one that explains it, once."""
        is_explained = await self._store.write(lambda transaction: self._file(transaction, reading))
        if is_explained:
            self._explained[reading.tenant] = _began(reading)

    async def recovered(self, reading: HealthReading) -> None:
        """Close the incident, if there is one."""
        text = f"health score{reading.of} {reading.score} is well"
        said = Entry(EventKind.RESOLVED, reading.at, text, {"score": reading.score})
        await self._store.write(lambda transaction: self._condition(reading).ends(transaction, said))
        self._explained.pop(reading.tenant, None)

    def _file(self, transaction: Transaction, reading: HealthReading) -> bool:
        """Whether another incident explains it."""
        condition = self._condition(reading)
        if transaction.incidents.open_by_key(condition.key) is not None:
            return False
        cause = self._cause(transaction, reading)
        if cause is None or cause.key == condition.key:
            said = _entry(EventKind.OPENED, reading)
            condition.begins(transaction, self._ids, said, reopen_window=self._reopen_window)
            return False
        if self._explained.get(reading.tenant) != _began(reading):
            worse = replace(cause, vip=cause.vip or reading.vip, updated_at=reading.at)
            transaction.incidents.update(worse, [_entry(EventKind.MERGED, reading)])
        return True

    def _cause(self, transaction: Transaction, reading: HealthReading) -> Incident | None:
        """An incident by an alert that began at about the same time; for a tenant also that of the whole score."""
        by_alert = transaction.incidents.explaining(
            self._source,
            sorted({WHOLE, reading.tenant}),
            opened_since=_began(reading) - self._merge_window,
            resolved_since=reading.at - _LAG,
        )
        if by_alert is not None or reading.tenant == WHOLE:
            return by_alert
        return transaction.incidents.open_by_key(self._key(WHOLE))

    def _condition(self, reading: HealthReading) -> Condition:
        return Condition(
            key=self._key(reading.tenant),
            origin=Origin.HEALTH,
            source=self._source,
            title=f"the health score{reading.of} is low",
            tenant=reading.tenant,
            vip=reading.vip,
            is_symptom=True,
        )

    def _key(self, tenant: str) -> str:
        return incident_key(Kind.HEALTH, self._source, *([tenant] if tenant else []))


def _began(reading: HealthReading) -> datetime:
    return reading.low_since or reading.at


def _entry(kind: EventKind, reading: HealthReading) -> Entry:
    in_a_row = f"{reading.consecutive_low} times in a row"
    text = f"health score{reading.of} {reading.score} is low, {in_a_row}{reading.pulled_down}"
    facts = {
        "score": reading.score,
        "consecutive": reading.consecutive_low,
        "tenant": reading.tenant,
        "parts": {part.name: part.value for part in reading.parts},
    }
    return Entry(kind, reading.at, text, facts)
