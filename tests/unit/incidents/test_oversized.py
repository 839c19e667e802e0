"""Webhooks that are too large: one incident, few lines of it, and an end."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from aetherlink.incidents.oversized import Oversized
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.model.timeline import EventKind
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.patience import eventually

EU, US = SourceName("eu"), SourceName("us")


@pytest.fixture
def oversized(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Oversized:
    return again(store, clock, ids)


def again(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Oversized:
    return Oversized(store, ids=ids, clock=clock, sources=[EU, US], max_body_bytes=1000)


async def incidents(store: SqlStore) -> list[Incident]:
    return (await store.read(lambda tx: tx.incidents.page(limit=10, before=None)))[0][::-1]


async def lines(store: SqlStore, incident: Incident) -> list[tuple[EventKind, str]]:
    found = await store.read(lambda tx: tx.incidents.timeline(incident.id, limit=100, after=0))
    return [(stored.entry.kind, stored.entry.text) for stored in found]


async def test_the_first_one_opens_an_incident_that_says_what_to_do(oversized: Oversized, store: SqlStore) -> None:
    oversized.refused(EU, length=5000, sender="10.0.0.7")
    await oversized.look()

    [incident] = await incidents(store)
    assert (incident.title, incident.severity) == ("webhooks of source eu are too large to be read", Severity.WARNING)
    assert await lines(store, incident) == [
        (EventKind.OPENED, "a webhook of 5000 bytes from 10.0.0.7 was not read: intake.max_body_bytes is 1000")
    ]


async def test_a_flood_writes_one_line_a_minute(oversized: Oversized, store: SqlStore, clock: ManualClock) -> None:
    for _ in range(180):
        for _ in range(10):
            oversized.refused(EU, length=None, sender="10.0.0.7")
        await oversized.look()
        clock.move(1)

    [incident] = await incidents(store)
    told = await lines(store, incident)
    assert [kind for kind, _ in told] == [EventKind.OPENED, EventKind.NOTE, EventKind.NOTE]
    assert told[1][1] == (
        "a webhook of more than 1000 bytes from 10.0.0.7 was not read: intake.max_body_bytes is 1000; "
        "with it 600 since the line before"
    )


async def test_after_an_hour_without_one_it_is_over_even_across_a_restart(
    oversized: Oversized, store: SqlStore, clock: ManualClock, ids: CountingIds
) -> None:
    oversized.refused(EU, length=5000, sender="10.0.0.7")
    oversized.refused(US, length=5000, sender="10.0.0.8")
    await oversized.look()
    clock.move(1800)
    oversized.refused(US, length=5000, sender="10.0.0.8")
    await oversized.look()
    clock.move(1800)
    await again(store, clock, ids).look()

    assert [(one.source, one.status) for one in await incidents(store)] == [
        (EU, IncidentStatus.RESOLVED),
        (US, IncidentStatus.OPEN),
    ]
    assert (await incidents(store))[0].resolved_at == START + timedelta(hours=1)


async def test_the_next_one_a_while_after_the_end_is_another_incident(
    oversized: Oversized, store: SqlStore, clock: ManualClock
) -> None:
    for _ in range(2):
        oversized.refused(EU, length=5000, sender="10.0.0.7")
        await oversized.look()
        clock.move(3600)
        await oversized.look()
        clock.move(600)

    assert [one.status for one in await incidents(store)] == [IncidentStatus.RESOLVED] * 2


async def test_a_fault_of_one_look_ends_no_other(
    oversized: Oversized, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, written = store.write, []

    async def write(work: Callable[..., object]) -> object:
        written.append(work)
        if len(written) == 1:
            raise RuntimeError("a bug")
        return await sound(work)

    monkeypatch.setattr(store, "write", write)
    oversized.refused(EU, length=5000, sender="10.0.0.7")
    oversized.start()
    await eventually(lambda: len(written) == 1)
    oversized.refused(EU, length=5000, sender="10.0.0.7")

    await eventually(lambda: len(written) == 2)
    await oversized.stop()
