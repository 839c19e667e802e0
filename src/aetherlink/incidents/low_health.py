"""A health score that stays low is an incident of its own; a good score closes it."""

from dataclasses import replace

from aetherlink.incidents.identity import Kind, incident_key
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Ids, Store, Transaction


class LowHealth:
    """See ports.HealthSink. `source` is the source whose score is read."""

    def __init__(self, store: Store, *, ids: Ids, source: SourceName) -> None:
        self._store = store
        self._ids = ids
        self._source = source
        self._key = incident_key(Kind.HEALTH, source)

    async def low(self, reading: HealthReading) -> None:
        """Open the incident, once."""

        def work(transaction: Transaction) -> None:
            if transaction.incidents.open_by_key(self._key) is None:
                incident = self._incident(reading)
                transaction.incidents.insert(incident, [_opened(reading)])

        await self._store.write(work)

    async def recovered(self, reading: HealthReading) -> None:
        """Close the incident, if there is one."""

        def work(transaction: Transaction) -> None:
            incident = transaction.incidents.open_by_key(self._key)
            if incident is not None:
                closed = replace(
                    incident,
                    status=IncidentStatus.RESOLVED,
                    stage=Stage.DONE,
                    resolved_at=reading.at,
                    updated_at=reading.at,
                    wake_at=None,
                )
                transaction.incidents.update(closed, [_resolved(reading)])

        await self._store.write(work)

    def _incident(self, reading: HealthReading) -> Incident:
        return Incident(
            id=IncidentId(self._ids.new("inc")),
            key=self._key,
            origin=Origin.HEALTH,
            source=self._source,
            title="the health score is low",
            tenant="",
            service="",
            severity=Severity.WARNING,
            vip=False,
            status=IncidentStatus.OPEN,
            stage=Stage.WATCH,
            opened_at=reading.at,
            updated_at=reading.at,
        )


def _opened(reading: HealthReading) -> Entry:
    text = f"health score {reading.score} is low, {reading.consecutive_low} times in a row"
    return Entry(EventKind.OPENED, reading.at, text, {"score": reading.score, "consecutive": reading.consecutive_low})


def _resolved(reading: HealthReading) -> Entry:
    return Entry(EventKind.RESOLVED, reading.at, f"health score {reading.score} is well", {"score": reading.score})
