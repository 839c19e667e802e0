"""The reception when things go wrong: poison, overload, a store that fails, senders and writers that go away."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from aetherlink.errors import OverloadedError, StoreError, UnfitError
from aetherlink.incidents.reception import Reception
from aetherlink.model.alerts import Alert, AlertStatus
from aetherlink.model.ids import Fingerprint, SourceName
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.store.index import AlertIndex
from aetherlink.testing import START, CountingIds, ManualClock
from rigs.pipeline import NoWaker
from rigs.reception import build_reception

LAB = SourceName("lab")


@pytest.fixture
def reception(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Reception:
    return build_reception(store, clock=clock, ids=ids, waker=NoWaker())


def alert(name: str) -> Alert:
    labels = {"alertname": name, "service": name}
    return Alert(LAB, Fingerprint(name), AlertStatus.FIRING, START, None, labels, {})


def poison() -> Alert:
    """What no encoder takes; JSON cannot say it, so that only a bug can bring it here."""
    return replace(alert("poison"), annotations={"summary": "\ud800"})


async def send(reception: Reception, *batches: list[Alert]) -> list[BaseException | None]:
    return await asyncio.gather(*(reception.receive(batch) for batch in batches), return_exceptions=True)


async def stored(store: SqlStore) -> set[str]:
    found, _ = await store.read(lambda tx: tx.alerts.page(limit=1000, before=None))
    return {each.alert.name for each in found}


def is_as_stored(store: SqlStore) -> bool:
    index = AlertIndex()
    with store._place.reading.connect() as connection:
        index.load(connection, resolved_after=START - timedelta(days=1))
    return (index._by_source, index.last_id) == (store.standings._by_source, store.standings.last_id)


async def test_what_cannot_be_stored_takes_no_other_with_it(reception: Reception, store: SqlStore) -> None:
    first = asyncio.create_task(reception.receive([alert("first")]))  # the others wait together while it is written
    await asyncio.sleep(0)
    answers = await send(reception, [alert("a")], [alert("b"), poison()], [alert("c")])
    await first

    assert [type(answer) for answer in answers] == [type(None), UnfitError, type(None)]
    assert await stored(store) == {"first", "a", "c"}
    assert (await reception.ledger()).received == 3
    assert is_as_stored(store)


@pytest.mark.parametrize("which", range(6))
async def test_a_commit_that_fails_leaves_memory_as_the_database_and_heals(
    reception: Reception, store: SqlStore, which: int
) -> None:
    commits = 0

    def fail(_connection: sa.Connection) -> None:
        nonlocal commits
        commits += 1
        if commits == which + 1:
            raise sa.exc.OperationalError("COMMIT", {}, OSError("disk I/O error"))

    sa.event.listen(store._place.writing, "commit", fail)
    answered = []
    for number in range(6):
        [answer] = await send(reception, [alert(f"{number}"), alert("again")])
        answered.append(answer)
    sa.event.remove(store._place.writing, "commit", fail)

    failed = [number for number, answer in enumerate(answered) if answer is not None]
    assert failed == [which]
    assert isinstance(answered[which], StoreError)
    assert not isinstance(answered[which], UnfitError)
    assert await stored(store) == {str(number) for number in range(6) if number != which} | {"again"}
    assert (await reception.ledger()).received == 10
    assert is_as_stored(store)

    assert await send(reception, [alert(f"{which}")]) == [None]


async def test_above_the_bounds_senders_are_told_to_come_again_and_can(reception: Reception, store: SqlStore) -> None:
    reception._options = reception._options.model_copy(update={"queue_alerts": 20})
    batches = [[alert(f"{number}-{which}") for which in range(10)] for number in range(6)]
    answers = await send(reception, *batches)

    refused = [batch for batch, answer in zip(batches, answers, strict=True) if isinstance(answer, OverloadedError)]
    assert 0 < len(refused) < len(batches)
    for batch in refused:
        assert await send(reception, batch) == [None]
    assert len(await stored(store)) == 60
    assert (reception._waiting_alerts, reception._waiting_bytes) == (0, 0)


async def test_a_sender_who_goes_away_leaves_his_alerts(reception: Reception, store: SqlStore) -> None:
    sending = asyncio.create_task(reception.receive([alert("a")]))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await reception.flush()

    assert await stored(store) == {"a"}
    assert is_as_stored(store)


async def test_nobody_waits_for_a_writer_that_was_cancelled_while_it_wrote_each_alone(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_alone = asyncio.Event()

    async def alone(*_: object) -> None:
        is_alone.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(reception, "_write_each_alone", alone)
    answers = asyncio.create_task(send(reception, [alert("a")], [poison()]))
    await is_alone.wait()
    late = asyncio.create_task(reception.receive([alert("late")]))
    await asyncio.sleep(0)
    assert reception._writing is not None
    reception._writing.cancel()

    assert {type(answer) for answer in await answers} == {StoreError}
    with pytest.raises(StoreError, match="send it again"):
        await late


async def test_nobody_waits_for_a_writer_that_was_cancelled(reception: Reception, store: SqlStore) -> None:
    writing = asyncio.create_task(reception.receive([alert("a")]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert reception._writing is not None
    reception._writing.cancel()

    with pytest.raises(StoreError, match="send it again"):
        await writing
    await reception.receive([alert("a")])
    assert await stored(store) == {"a"}


class NoLedger:
    """A store that takes everything but counts."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.writes = 0

    async def write(self, _work: Callable[[Transaction], object], **_options: bool) -> object:
        self.writes += 1
        raise UnfitError("no such table: ledger")


async def test_repeats_that_cannot_be_counted_are_not_tried_without_end(reception: Reception, store: SqlStore) -> None:
    await reception.receive([alert("a")])
    reception._store = broken = NoLedger(store)  # type: ignore[assignment]  # only `write` is asked for
    await reception.receive([alert("a")])
    await reception.flush()

    assert broken.writes == 1
    reception._store = store
    assert (await reception.ledger()).received == 2
