"""T35: whichever call to the database fails, nothing is half done, and the same webhook again heals everything."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from aetherlink.errors import StoreError
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.incidents.reception import Reception
from aetherlink.lib.hash_chain import FIRST, Link, entry_hash
from aetherlink.model.alerts import Alert, AlertStatus, Suppression
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.model.ledger import Ledger, Way
from aetherlink.store.database import SqlStore
from aetherlink.store.index import AlertIndex
from aetherlink.testing import START, CountingIds, ManualClock, fixed_key
from rigs.failing_store import FailingEngine, Fault
from rigs.reception import build_reception

pytestmark = pytest.mark.sql

LAB = SourceName("lab")
MOST_TRIES = 5
LONG_AGO = START - timedelta(days=365)


class NoBell:
    def wake(self) -> None:
        pass


def alert(name: str, service: str) -> Alert:
    return Alert(
        source=LAB,
        fingerprint=Fingerprint(f"{name}-{service}"),
        status=AlertStatus.FIRING,
        starts_at=START,
        ends_at=None,
        labels={"alertname": name, "severity": "critical", "service": service},
        annotations={},
    )


def scenario(number: int) -> list[tuple[Way, list[Alert]]]:
    """A webhook with three alerts of two incidents, a resolve, and what reconciliation found."""
    slow, errors = alert("Slow", f"crm-{number}"), alert("Errors", f"crm-{number}")
    down, missed = alert("Down", f"billing-{number}"), alert("Missed", f"search-{number}")
    over = replace(down, status=AlertStatus.RESOLVED, ends_at=START + timedelta(minutes=1))
    seen = START + timedelta(minutes=2)
    silenced = replace(slow, suppressed=Suppression.SILENCED, seen_at=seen)
    return [
        (Way.WEBHOOK, [slow, errors, down]),
        (Way.WEBHOOK, [over]),
        (Way.RECONCILE, [replace(missed, seen_at=seen), silenced]),
    ]


class Storm:
    """Plays scenarios on one database whose engine fails, each with alerts of its own."""

    def __init__(self, store: SqlStore) -> None:
        self.faults = FailingEngine(store._place.writing)
        self._store = store
        self._registry = CollectorRegistry()
        self._reception: Reception = build_reception(
            store, clock=ManualClock(), ids=CountingIds(), waker=NoBell(), metrics=AlertMetrics(self._registry)
        )
        self._acknowledged = 0
        self._unanswered = 0

    async def play(self, number: int, fault: Fault) -> bool:
        """Fail the call of this number. False when the scenario had fewer."""
        self.faults.fail(number, fault)
        for way, alerts in scenario(number):
            await self._deliver(way, alerts, fault)
            if way is Way.WEBHOOK:
                await self._deliver(way, alerts, fault)  # a repeat, which waits to be counted with another commit
        has_struck = self.faults.has_struck
        self.faults.fail(0, fault)
        await self._check()
        assert self._standings(number) == {
            f"Slow-crm-{number}": ("firing", "silenced"),
            f"Errors-crm-{number}": ("firing", ""),
            f"Down-billing-{number}": ("resolved", ""),
            f"Missed-search-{number}": ("firing", ""),
        }
        return has_struck

    async def _deliver(self, way: Way, alerts: Sequence[Alert], fault: Fault) -> None:
        """As a sender does: again until it is taken."""
        for _ in range(MOST_TRIES):
            with suppress(StoreError):
                await self._reception.receive(alerts, way=way)
                self._acknowledged += len(alerts)
                return
            if fault is Fault.ANSWER:  # counted, and the sender does not know it
                self._unanswered += len(alerts)
            else:
                await self._check()
        pytest.fail(f"not taken in {MOST_TRIES} tries: {alerts}")

    def _standings(self, number: int) -> dict[str, tuple[str, str]]:
        prints = [one.fingerprint for _, alerts in scenario(number) for one in alerts]
        found = {one: self._store.standings.of(LAB, one) for one in prints}
        return {one: (known.status.value, known.suppressed.value) for one, known in found.items() if known is not None}

    async def _check(self) -> None:
        """What has to hold at every moment."""
        ledger = await self._settled()
        assert ledger.received == self._acknowledged + self._unanswered
        for outcome, total in ledger.by_outcome().items():
            assert self._registry.get_sample_value("aether_agent_ledger_total", {"outcome": outcome.value}) == total
        with self._store._place.reading.connect() as connection:
            self._check_incidents(connection)
            self._check_timelines(connection)
            self._check_memory(connection)

    async def _settled(self) -> Ledger:
        """The ledger with every repeat in it: one commit more, where the one that counts them is made to fail."""
        await self._reception.flush()
        return await self._reception.ledger()

    def _check_incidents(self, connection: sa.Connection) -> None:
        """Every alert that fires and is not suppressed is under exactly one incident, and that one is open."""
        query = """
            SELECT alerts.fingerprint FROM alerts LEFT JOIN incidents ON incidents.id = alerts.incident_id
            WHERE alerts.status = 'firing' AND alerts.suppressed = '' AND coalesce(incidents.status, '') <> 'open'
        """
        assert connection.exec_driver_sql(query).all() == []
        miscounted = """
            SELECT id FROM incidents WHERE firing <>
            (SELECT count(*) FROM alerts WHERE alerts.incident_id = incidents.id AND alerts.status = 'firing')
        """
        assert connection.exec_driver_sql(miscounted).all() == []
        twice = "SELECT key FROM incidents WHERE status = 'open' GROUP BY key HAVING count(*) > 1"
        assert connection.exec_driver_sql(twice).all() == []
        firing_twice = "SELECT fingerprint FROM alerts GROUP BY fingerprint HAVING count(*) > 1"
        assert connection.exec_driver_sql(firing_twice).all() == []

    def _check_timelines(self, connection: sa.Connection) -> None:
        """Numbers and sequences have no gap, every hash follows from the one before, the incident knows the last."""
        rows = connection.exec_driver_sql(
            "SELECT number, incident_id, sequence, kind, at, text, facts, hash FROM timeline ORDER BY number"
        ).all()
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        last: dict[str, tuple[int, str]] = {}
        for number, incident, sequence, kind, at, text, facts, its_hash in rows:
            before, head = last.get(incident, (0, FIRST))
            assert sequence == before + 1
            assert its_hash == entry_hash(
                fixed_key(False), number, Link(head, incident, sequence, kind, at, text, facts)
            )
            last[incident] = (sequence, its_hash)
        heads = connection.exec_driver_sql("SELECT id, entries, head FROM incidents").all()
        assert {row.id: (row.entries, row.head) for row in heads} == last

    def _check_memory(self, connection: sa.Connection) -> None:
        """What is remembered is what is stored."""
        stored = AlertIndex()
        stored.load(connection, resolved_after=LONG_AGO)
        for (fingerprint,) in connection.exec_driver_sql("SELECT fingerprint FROM alerts"):
            assert self._store.standings.of(LAB, fingerprint) == stored.of(LAB, fingerprint)
        assert self._store.standings.last_id == stored.last_id


@pytest.mark.parametrize("fault", Fault)
async def test_t35_whichever_call_fails_nothing_is_half_done(store: SqlStore, fault: Fault) -> None:
    storm = Storm(store)
    for number in count(1):
        if not await storm.play(number, fault):
            break

    assert number > len(scenario(0))  # else nothing was made to fail
