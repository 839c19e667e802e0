"""The writer outlives whatever happens: a writer that is gone would let everybody wait for ever."""

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from aetherlink.errors import StoreError, UnfitError
from aetherlink.model.ledger import LedgerOutcome, Way
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from rigs.failing_store import FailingEngine, Fault


class StoppedError(BaseException):
    """As KeyboardInterrupt, which the tests' own runner would take for itself."""


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def nothing(_: Transaction) -> None:
    pass


def where(_: Transaction) -> str:
    return threading.current_thread().name


class LateTroubleLock:
    """The turn, of which whoever had it last fails just before he lets go."""

    def __init__(self, store: SqlStore) -> None:
        self._writer = store._writer
        self._lock = store._writer._turn

    def acquire(self, *, blocking: bool) -> bool:
        self._writer._is_in_trouble = True
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


async def test_it_goes_on_when_the_disk_fails_while_it_looks_what_is_stored_in_truth(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.write(nothing)
    faults = FailingEngine(store._place.writing)
    faults.fail(1, Fault.ANSWER)
    with pytest.raises(StoreError):
        await store.write(nothing)  # from here on it is in doubt what is stored

    with monkeypatch.context() as disk:
        disk.setattr(Path, "stat", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            await store.write(nothing)

    assert store.is_alive
    await store.write(nothing)


@pytest.mark.parametrize("is_brief", [True, False])
async def test_what_fails_at_the_begin_is_the_stores_trouble_and_not_the_works(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, is_brief: bool
) -> None:
    """Who is told that his alerts cannot be stored at all puts them away, and they are not sent again."""

    def keep(transaction: Transaction) -> None:
        transaction.ledger.add({(Way.WEBHOOK, LedgerOutcome.OPENED): 1})

    await store.write(keep, is_brief=is_brief)
    with monkeypatch.context() as disk:
        disk.setattr(Path, "stat", fail)
        with pytest.raises(StoreError, match="Input/output error") as caught:
            await store.write(keep, is_brief=is_brief)

    assert not isinstance(caught.value, UnfitError)
    await store.write(keep, is_brief=is_brief)
    assert (await store.read(lambda rows: rows.ledger.totals())).totals == {(Way.WEBHOOK, LedgerOutcome.OPENED): 2}


async def test_whoever_is_stopped_in_the_midst_of_brief_work_lets_go_of_the_turn(store: SqlStore) -> None:
    def stop(_: Transaction) -> NoReturn:
        raise StoppedError

    with pytest.raises(StoppedError):
        await store.write(stop, is_brief=True)

    await store.write(nothing)
    await store.write(nothing, is_brief=True)


async def test_brief_work_does_not_begin_here_when_the_one_before_failed_at_the_last_moment(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In trouble the whole index may have to be read anew, and the loop must not wait for that."""
    monkeypatch.setattr(store._writer, "_turn", LateTroubleLock(store))

    assert await store.write(where, is_brief=True) == "store-writer"


async def test_what_is_asked_for_after_the_end_begins_nothing(tmp_path: Path) -> None:
    ended, begun = (SqlStore(tmp_path / "aetherlink.db", key=fixed_key) for _ in range(2))
    ended.open()
    await asyncio.to_thread(ended.close)
    late = asyncio.create_task(ended.write(nothing, is_brief=True))
    await asyncio.sleep(0)

    begun.open()
    await begun.write(nothing)  # nobody holds the lock of the database
    begun.close()
    late.cancel()
