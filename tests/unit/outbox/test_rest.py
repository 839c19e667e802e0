"""A channel to which nothing is to be told costs next to nothing, and what is not for people is told to nobody."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.model.ids import SourceName
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.outbox.plan import ChannelPlan
from aetherlink.ports import Transaction
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.outbox import CHAT, Rig

T = TypeVar("T")


class CountingStore(MemoryStore):
    """A store that counts what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes = 0

    async def read(self, work: Callable[[Transaction], T]) -> T:
        self.reads += 1
        return await super().read(work)

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        self.writes += 1
        return await super().write(work, is_brief=is_brief)


async def test_an_idle_channel_writes_nothing_and_reads_twice_a_second_at_most() -> None:
    store = CountingStore()
    rig = Rig(store, ManualClock(), {CHAT: ChannelPlan(CHAT)})
    await rig.start()
    await rig.opened()
    await rig.pass_time(10)
    store.reads = store.writes = 0

    await rig.pass_time(60)
    assert store.writes == 0
    assert 60 <= store.reads <= 2 * 61


async def test_while_it_waits_for_a_channel_that_is_away_it_writes_at_its_attempts_only() -> None:
    store = CountingStore()
    rig = Rig(store, ManualClock(), {CHAT: ChannelPlan(CHAT, spacing=timedelta(seconds=1))})
    await rig.start()
    rig.notifiers[CHAT].problems = [ZeroDivisionError() for _ in range(1000)]
    await rig.opened()
    await rig.pass_time(600)
    store.writes = 0

    await rig.pass_time(600)
    attempts = 1000 - len(rig.notifiers[CHAT].problems)
    assert attempts > 3
    assert 0 < store.writes <= 2 * 5


async def test_what_people_do_with_the_agent_itself_is_told_to_no_channel(rig: Rig) -> None:
    record = AgentRecord(ids=CountingIds(), source=SourceName("prod"))
    entry = Entry(EventKind.PAUSED, rig.clock.now(), "paused")
    await rig.store.write(lambda rows: record.enter(rows, Subject.PAUSES, entry))
    rig.numbers += 1
    await rig.pass_time(10)

    assert rig.notifiers[CHAT].letters == []
    assert await rig.store.read(lambda rows: rows.deliveries.page(limit=5, before=None)) == ([], None)
