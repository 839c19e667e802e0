"""Retention on the real store: down to the bound in small jobs, one kind's failure is its own; and the disk's alarm."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.audit.verify import Report, verify
from aetherlink.errors import StoreError
from aetherlink.incidents.condition import Conditions
from aetherlink.incidents.low_disk import LowDisk
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, SourceName
from aetherlink.model.incidents import IncidentStatus, Severity
from aetherlink.model.journal import JournalBody
from aetherlink.model.pauses import Pause
from aetherlink.ports import Transaction
from aetherlink.store.audit import auditing
from aetherlink.store.database import SqlStore
from aetherlink.store.free_space import FreeSpace, FreeSpaceMetrics, free_bytes
from aetherlink.store.retention import Kind, Retention, RetentionMetrics, kinds
from aetherlink.store.retention_options import RetentionOptions
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.testing import START, CountingIds, ManualClock, fixed_key
from rigs.pipeline import Rig


def old_pauses(transaction: Transaction, now: datetime, limit: int) -> int:
    """A kind for the test: pauses that ended an hour ago."""
    over = [one for one in transaction.pauses.all() if one.until is not None and one.until < now - timedelta(hours=1)]
    for one in over[:limit]:
        transaction.pauses.end(one.scope)
    return len(over[:limit])


def broken(_: Transaction, __: datetime, ___: int) -> int:
    raise StoreError("no")


async def fill(store: SqlStore, count: int) -> None:
    def work(transaction: Transaction) -> None:
        for number in range(count):
            transaction.pauses.put(Pause(f"scope-{number:04d}", START, "", "", START))
        transaction.pauses.put(Pause("kept", START, "", "", START + timedelta(days=1)))

    await store.write(work)


async def test_everything_beyond_the_bound_goes_in_small_jobs(store: SqlStore, clock: ManualClock) -> None:
    registry = CollectorRegistry()
    sizes: list[int] = []

    def counted(transaction: Transaction, now: datetime, limit: int) -> int:
        sizes.append(old_pauses(transaction, now, limit))
        return sizes[-1]

    await fill(store, 25)
    clock.move(7200)
    ours = [Kind("broken", broken), Kind("pauses", counted, at_once=10)]
    await Retention(store, ours, clock=clock, metrics=RetentionMetrics(registry)).sweep()

    left = await store.read(lambda tx: tx.pauses.all())
    assert [one.scope for one in left] == ["kept"]
    assert sizes == [10, 10, 5]
    assert registry.get_sample_value("aether_agent_retention_deleted_total", {"kind": "pauses"}) == 25
    assert registry.get_sample_value("aether_agent_retention_deleted_total", {"kind": "broken"}) == 0


async def test_it_begins_at_its_start_and_ends_when_it_is_stopped(store: SqlStore, clock: ManualClock) -> None:
    await fill(store, 3)
    clock.move(7200)
    swept, loop = asyncio.Event(), asyncio.get_running_loop()

    def last(_: Transaction, __: datetime, ___: int) -> int:
        loop.call_soon_threadsafe(swept.set)
        return 0

    ours = [Kind("pauses", old_pauses), Kind("last", last)]
    retention = Retention(store, ours, clock=clock, metrics=RetentionMetrics(CollectorRegistry()))
    retention.start()
    async with asyncio.timeout(10):
        await swept.wait()
    await retention.stop()

    assert [one.scope for one in await store.read(lambda tx: tx.pauses.all())] == ["kept"]


class Disk:
    """A disk with as much room as the test says."""

    def __init__(self, store: SqlStore, clock: ManualClock) -> None:
        self.store = store
        self.free = 1000
        self.registry = CollectorRegistry()
        self.watch = FreeSpace(
            Path("/data"),
            500,
            sink=LowDisk(Conditions(store, ids=CountingIds()), SourceName("lab")),
            clock=clock,
            metrics=FreeSpaceMetrics(self.registry),
            measure=lambda _: self.free,
        )

    async def look(self, free: int) -> list[IncidentStatus]:
        self.free = free
        await self.watch.check()
        found, _ = await self.store.read(lambda tx: tx.incidents.page(limit=10, before=None))
        assert {incident.severity for incident in found} <= {Severity.CRITICAL}
        return [incident.status for incident in found]


async def test_a_disk_that_is_nearly_full_is_an_incident_until_there_is_room(
    store: SqlStore, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(store, clock)
    seen = [await disk.look(free) for free in (1000, 499, 400, 500, 549, 550)]

    low, well = [IncidentStatus.OPEN], [IncidentStatus.RESOLVED]
    assert seen == [[], low, low, low, low, well]
    assert "The disk of data_dir /data is nearly full: 0 MiB are left" in caplog.text
    assert disk.registry.get_sample_value("aether_agent_data_dir_free_bytes") == 550


async def test_an_incident_that_cannot_be_stored_is_tried_again(
    store: SqlStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Callable[[Transaction], object]) -> None:
        raise StoreError("database or disk is full")

    disk = Disk(store, clock)
    monkeypatch.setattr(store, "write", full)
    assert await disk.look(100) == []
    monkeypatch.undo()
    assert await disk.look(100) == [IncidentStatus.OPEN]


async def test_after_a_restart_an_incident_of_before_is_closed(store: SqlStore, clock: ManualClock) -> None:
    await Disk(store, clock).look(100)

    assert await Disk(store, clock).look(1000) == [IncidentStatus.RESOLVED]


def test_the_room_on_a_real_disk_can_be_told(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0


async def test_what_the_settings_keep_is_kept_and_the_rest_goes(rig: Rig) -> None:
    await rig.hear()
    await rig.hear(firing=False)
    await rig.hear("SomethingElse", service="billing")
    body = JournalBody(START, SourceName("lab"), b"{}")
    await rig.store.write(lambda tx: tx.journal.add([body]))
    retention = Retention(
        rig.store, kinds(RetentionOptions()), clock=rig.clock, metrics=RetentionMetrics(CollectorRegistry())
    )

    async def left() -> tuple[list[str], int]:
        await retention.sweep()
        alerts, _ = await rig.store.read(lambda tx: tx.alerts.page(limit=10, before=None))
        bodies = await rig.store.read(lambda tx: list(tx.journal.since(START - timedelta(days=1))))
        return sorted(one.alert.name for one in alerts), len(bodies)

    rig.clock.move(13 * 86_400)
    assert await left() == (["CrmApiDown", "SomethingElse"], 1)
    rig.clock.move(2 * 86_400)
    assert await left() == (["CrmApiDown", "SomethingElse"], 0)
    rig.clock.move(16 * 86_400)
    assert await left() == (["SomethingElse"], 0)  # it fires still, however old it is


async def test_of_an_incident_that_was_closed_long_ago_the_chain_stays(rig: Rig) -> None:
    await rig.hear("SomethingElse", service="billing")
    await rig.run()
    await rig.hear("SomethingElse", service="billing", firing=False)
    await rig.run_for(10)
    closed = await rig.incident()
    before = await rig.store.read(lambda tx: tx.incidents.timeline(closed.id, limit=100, after=0))
    await rig.hear("StillFiring", service="other")
    [kind] = [each for each in kinds(RetentionOptions()) if each.name == "incidents"]

    rig.clock.move(364 * 86_400)
    assert await rig.store.write(lambda tx: kind.prune(tx, rig.clock.now(), 10)) == 0
    rig.clock.move(2 * 86_400)
    assert await rig.store.write(lambda tx: kind.prune(tx, rig.clock.now(), 10)) == 1
    assert await rig.store.write(lambda tx: kind.prune(tx, rig.clock.now(), 10)) == 0

    after = await rig.store.read(lambda tx: tx.incidents.timeline(closed.id, limit=100, after=0))
    assert [stored.hash for stored in after] == [stored.hash for stored in before]
    assert {(stored.entry.text, len(stored.entry.facts)) for stored in after} == {("", 0)}
    emptied = await rig.store.read(lambda tx: tx.incidents.get(closed.id))
    assert (emptied is not None, emptied and dict(emptied.labels)) == (True, {})
    report = verified(rig)
    assert (report.first_bad, report.pruned) == (None, len(after))


async def test_what_was_changed_is_not_made_to_look_like_retention(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.hear("SomethingElse", service="billing")
    await rig.hear("SomethingElse", service="billing", firing=False)
    await rig.run_for(10)
    with closing(sqlite3.connect(rig.database)) as database, database:
        database.execute("UPDATE timeline SET text = 'something else' WHERE number = 2")
    [kind] = [each for each in kinds(RetentionOptions()) if each.name == "incidents"]
    rig.clock.move(366 * 86_400)
    assert await rig.store.write(lambda tx: kind.prune(tx, rig.clock.now(), 10)) == 1

    bad = verified(rig).first_bad
    assert bad is not None
    assert bad.number == 2
    assert "AUDIT entry 2 of the timelines was changed" in caplog.text


def verified(rig: Rig) -> Report:
    with auditing(SqlitePlace(rig.database)) as view:
        return verify(view, fixed_key(True), [])


async def test_what_was_told_goes_with_the_age_of_the_incidents_and_what_is_due_stays(
    store: SqlStore, clock: ManualClock
) -> None:
    chat, options = ChannelName("chat"), RetentionOptions()
    told = Delivery("inc-1", chat, 20, DeliveryState.TOLD, wanted=1, since=clock.now(), began_at=clock.now(), told=1)
    due = replace(told, subject="inc-2", state=DeliveryState.WAITING, due_at=clock.now())
    await store.write(lambda rows: (rows.deliveries.put(told), rows.deliveries.put(due)))
    retention = Retention(store, kinds(options), clock=clock, metrics=RetentionMetrics(CollectorRegistry()))

    left = []
    for age in (options.incidents, timedelta(seconds=1)):
        clock.move(age.total_seconds())
        await retention.sweep()
        page, _ = await store.read(lambda rows: rows.deliveries.page(limit=9, before=None))
        left.append([one.subject for one in page])
    assert left == [["inc-2", "inc-1"], ["inc-2"]]
