"""The writer outlives whatever happens: a writer that is gone would let everybody wait for ever."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from aetherlink.errors import StoreError
from aetherlink.ports import Transaction
from aetherlink.store.database import SqlStore
from rigs.failing_store import FailingEngine, Fault


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def nothing(_: Transaction) -> None:
    pass


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
