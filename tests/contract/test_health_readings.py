"""The stored readings, on both stores: as they were, newest first, page by page, and let go within bounds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.health import Forecast, HealthReading, HealthStatus, Part
from aetherlink.model.ids import SourceName
from aetherlink.store.database import SqlStore
from aetherlink.testing import START

LAB = SourceName("lab")
FULL = HealthReading(
    START,
    HealthStatus.LOW,
    41.5,
    consecutive_low=3,
    detail="below 60",
    tenant="acme-corp",
    low_since=START - timedelta(minutes=2),
    parts=(Part("success", 0.415),),
    forecast=Forecast(-3.5, timedelta(seconds=90.5), timedelta(hours=1), None),
)


def at(minutes: int, tenant: str = "") -> HealthReading:
    return HealthReading(START + timedelta(minutes=minutes), HealthStatus.OK, float(minutes), tenant=tenant)


async def keep(store: SqlStore, *readings: HealthReading, source: SourceName = LAB) -> None:
    await store.write(lambda tx: tx.health.add(source, readings))


async def page(store: SqlStore, **asked: object) -> tuple[list[HealthReading], str | None]:
    wanted = {"source": None, "tenant": None, "since": None, "limit": 500, "before": None, **asked}
    found, cursor = await store.read(lambda tx: tx.health.page(**wanted))
    return [reading for _, reading in found], cursor


async def test_a_reading_comes_back_as_it_was(store: SqlStore) -> None:
    without_score = HealthReading(START, HealthStatus.ERROR, None, detail="too slow")
    await keep(store, FULL, without_score)

    assert (await page(store))[0] == [without_score, FULL]


async def test_pages_hold_every_reading_once_newest_first(store: SqlStore) -> None:
    await keep(store, *(at(minute) for minute in range(5)))

    found, cursor = await page(store, limit=2)
    more, cursor = await page(store, limit=2, before=cursor)
    last, end = await page(store, limit=2, before=cursor)

    assert [reading.score for reading in found + more + last] == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert end is None


@pytest.mark.parametrize(
    ("asked", "scores"),
    [
        ({"tenant": ""}, [3.0, 1.0]),
        ({"tenant": "acme-corp"}, [2.0]),
        ({"since": START + timedelta(minutes=2)}, [3.0, 2.0]),
        ({"source": LAB}, [3.0, 2.0, 1.0]),
        ({"source": SourceName("none")}, []),
    ],
)
async def test_a_list_is_narrowed(store: SqlStore, asked: dict[str, object], scores: list[float]) -> None:
    await keep(store, at(1), at(2, "acme-corp"), at(3))

    assert [reading.score for reading in (await page(store, **asked))[0]] == scores


async def test_recent_ones_are_those_of_the_source_since_then(store: SqlStore) -> None:
    await keep(store, at(1), at(2), at(3, "acme-corp"))
    await keep(store, at(4), source=SourceName("other"))

    since = START + timedelta(minutes=2)
    found = await store.read(lambda tx: tx.health.recent(LAB, since=since, limit=10))
    assert [reading.score for reading in found] == [3.0, 2.0]


async def test_what_is_too_old_or_too_many_goes_some_at_a_time(store: SqlStore) -> None:
    await keep(store, *(at(minute) for minute in range(10)))

    async def prune(minutes: int, most: int, limit: int) -> int:
        before = START + timedelta(minutes=minutes)
        return await store.write(lambda tx: tx.health.prune(before=before, most=most, limit=limit))

    assert [await prune(4, 1000, 3), await prune(4, 1000, 3), await prune(4, 1000, 3)] == [3, 1, 0]
    assert await prune(0, 2, 100) == 4
    assert [reading.score for reading in (await page(store))[0]] == [9.0, 8.0]


async def test_nothing_to_keep_is_no_write(store: SqlStore) -> None:
    await keep(store)
    assert await store.write(lambda tx: tx.health.prune(before=START, most=1, limit=1)) == 0
    await keep(store, replace(FULL, vip=True))
    assert len((await page(store))[0]) == 1
