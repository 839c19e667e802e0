"""The feed: nothing lost, nothing twice, in order, and nobody who reads slowly holds up another."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from aetherlink.api.routers import stream
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import EventKind
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import ManualClock
from aetherlink.web import feed as feeds
from aetherlink.web.feed import Event, Feed
from rigs.outbox import Rig


class Standing:
    """A store in which things happen, and how the agent stands."""

    def __init__(self) -> None:
        self.rig = Rig(MemoryStore(), ManualClock(), {})
        self.blind: list[str] = []
        self.feed = Feed(self.rig.store, newest=lambda: self.rig.numbers, present=self._present)

    async def _present(self) -> dict[str, dict[str, object]]:
        return {"state": {"blind": list(self.blind)}}

    async def notes(self, count: int) -> None:
        """So many more entries."""
        for number in range(count):
            await self.rig.happens(1, EventKind.NOTE, str(number), stage=Stage.WATCH)


@pytest.fixture
async def standing() -> AsyncIterator[Standing]:
    made = Standing()
    await made.rig.opened()
    made.feed.start()
    yield made
    await made.feed.stop()


async def heard(standing: Standing, count: int, *, after: int | None = None) -> list[Event]:
    """The first so many events of somebody who listens anew."""
    events = standing.feed.listen(after)
    found = [await asyncio.wait_for(anext(events), 5) for _ in range(count)]
    await events.aclose()
    return found


async def test_who_comes_hears_how_things_are_and_then_what_is_new(standing: Standing) -> None:
    events = standing.feed.listen()
    first = await anext(events)
    await standing.notes(1)
    second = await asyncio.wait_for(anext(events), 5)

    assert first == Event("state", {"blind": []}, 1)
    assert (second.kind, second.number, second.facts["text"], second.facts["kind"]) == ("entry", 2, "0", "note")
    assert second.facts["incident_id"] == "inc-0001"


async def test_who_comes_back_misses_nothing_and_hears_nothing_twice(standing: Standing) -> None:
    await standing.notes(1200)
    events = standing.feed.listen(3)
    numbers = [(await asyncio.wait_for(anext(events), 5)).number for _ in range(1, 1200)]
    await standing.notes(3)
    numbers += [(await asyncio.wait_for(anext(events), 5)).number for _ in range(3)]

    assert numbers == [3, *range(4, 1205)]


async def test_what_is_stored_while_somebody_catches_up_comes_once_and_in_order(standing: Standing) -> None:
    await standing.notes(600)
    events = standing.feed.listen(1)
    numbers: list[int] = []
    while len(numbers) < 900:
        event = await asyncio.wait_for(anext(events), 5)
        numbers += [] if event.number is None else [event.number]
        if len(numbers) in (100, 400):
            await standing.notes(150)
            await asyncio.sleep(0.15)

    assert numbers[:2] == [1, 2]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


@pytest.mark.parametrize("after", [5, 1_000_000])
async def test_a_number_that_was_never_given_starts_anew(standing: Standing, after: int) -> None:
    """A backup was put in the place of the data: what the listener saw is not there any more."""
    events = await heard(standing, 2, after=after)

    assert events[1] == Event("reset", {"number": 1}, 1)


async def test_who_missed_too_much_looks_at_everything_anew(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "LONGEST_GAP", 10)
    await standing.notes(11)

    assert [event.kind for event in await heard(standing, 2, after=2)] == ["state", "entry"]
    assert [event.kind for event in await heard(standing, 2, after=1)] == ["state", "reset"]


async def test_a_change_of_how_things_are_is_told_once(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_LOOKS_A_PRESENT", 1)
    events = standing.feed.listen()
    await anext(events)
    standing.blind.append("prod")
    changed = await asyncio.wait_for(anext(events), 5)
    await asyncio.sleep(0.4)
    await standing.notes(1)

    assert changed == Event("state", {"blind": ["prod"]})
    assert (await asyncio.wait_for(anext(events), 5)).kind == "entry"


async def test_who_does_not_read_is_let_go_and_holds_up_nobody(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MOST_UNREAD", 10)
    slow, quick = standing.feed.listen(), standing.feed.listen()
    await anext(slow)
    await anext(quick)
    for number in range(12):
        await standing.notes(1)
        assert (await asyncio.wait_for(anext(quick), 5)).number == number + 2

    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(slow), 5)
    await standing.notes(1)
    assert (await asyncio.wait_for(anext(quick), 5)).number == 14


async def test_no_more_listen_than_there_is_room_for(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_LISTENERS", 1)
    first = standing.feed.listen()
    await anext(first)

    assert not standing.feed.has_room
    assert [event async for event in standing.feed.listen()] == []
    await first.aclose()
    assert standing.feed.has_room


async def test_the_end_lets_everybody_go_at_once(standing: Standing) -> None:
    events = standing.feed.listen()
    await anext(events)
    standing.feed.end()

    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(events), 1)
    assert not standing.feed.has_room


async def test_a_quiet_stream_says_that_it_is_alive(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_QUIET", 0.05)

    assert [event.kind for event in await heard(standing, 3)] == ["state", feeds.NOTHING, feeds.NOTHING]


async def test_without_a_listener_nobody_looks(standing: Standing) -> None:
    await standing.notes(3)
    await asyncio.sleep(0.3)

    assert [event.number for event in await heard(standing, 4, after=1)] == [1, 2, 3, 4]


async def test_who_would_not_be_let_in_any_more_hears_nothing_more(standing: Standing) -> None:
    is_valid = [True]
    told = stream._written(standing.feed.listen(), lambda: is_valid[0])
    first = [await anext(told), await anext(told)]
    is_valid[0] = False
    await standing.notes(1)

    assert first[1].startswith(b"id: 1\nevent: state")
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(told), 5)
    assert standing.feed.has_room
