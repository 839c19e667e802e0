"""What the store promises: durable when answered, one writer, one job's failure is its own, readers cannot write."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from aetherlink.errors import ConflictError, StoreError
from aetherlink.model.ids import SourceName
from aetherlink.ports import Transaction
from aetherlink.store import sqlite
from aetherlink.store.database import SqlStore
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.store.tables import metadata
from aetherlink.testing import START, fixed_key


def keep(body: bytes):
    def work(transaction: Transaction) -> None:
        transaction.quarantine.put(
            source=SourceName("lab"), body=body, problem="", at=START, most_rows=1000, most_bytes=10**6
        )

    return work


def kept(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as other:
        return [body for (body,) in other.execute("SELECT body FROM quarantine ORDER BY id")]


async def test_what_was_answered_is_on_disk(store: SqlStore, tmp_path: Path) -> None:
    await store.write(keep(b"x"))

    assert kept(tmp_path / "aetherlink.db") == [b"x"]


async def test_writes_at_the_same_time_are_all_kept(store: SqlStore, tmp_path: Path) -> None:
    await asyncio.gather(*(store.write(keep(b"%d" % number)) for number in range(200)))

    assert sorted(map(int, kept(tmp_path / "aetherlink.db"))) == list(range(200))


async def test_a_job_that_fails_is_undone_alone(store: SqlStore, tmp_path: Path) -> None:
    def fail(transaction: Transaction) -> None:
        keep(b"undone")(transaction)
        raise ConflictError("no")

    results = await asyncio.gather(
        store.write(keep(b"a")), store.write(fail), store.write(keep(b"b")), return_exceptions=True
    )

    assert isinstance(results[1], ConflictError)
    assert kept(tmp_path / "aetherlink.db") == [b"a", b"b"]


async def test_a_reader_cannot_write(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store.read(keep(b"x"))


async def test_brief_work_does_not_hold_up_its_caller_while_another_program_has_the_lock(tmp_path: Path) -> None:
    """The caller lets go of the lock himself: were he held up, he could not."""

    def look(transaction: Transaction) -> str:
        transaction.pauses.in_force(START)
        return threading.current_thread().name

    store = SqlStore(tmp_path / "locked.db", key=fixed_key)
    store.open()
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.write(look, is_brief=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    other.execute("ROLLBACK")
    other.close()

    assert await writing == "store-writer"
    assert await store.write(look, is_brief=True) == "MainThread"
    await asyncio.to_thread(store.close)


async def test_a_locked_database_is_an_error_and_heals_by_itself(tmp_path: Path) -> None:
    store = SqlStore(SqlitePlace(tmp_path / "locked.db", busy_milliseconds=50), key=fixed_key)
    store.open()
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked"):
        await store.write(keep(b"x"))
    other.execute("ROLLBACK")
    other.close()

    await store.write(keep(b"y"))
    store.close()
    assert kept(tmp_path / "locked.db") == [b"y"]


def test_the_schema_is_the_sum_of_the_migrations(tmp_path: Path) -> None:
    path = tmp_path / "fresh.db"
    store = SqlStore(path, key=fixed_key)
    store.open()
    store.close()

    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()

    assert difference == []


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    store = SqlStore(path, key=fixed_key)
    store.open()
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()

    newer = SqlStore(path, key=fixed_key)
    with pytest.raises(StoreError, match="9999"):
        newer.open()
    newer.dispose()


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"this is no database, only a long enough text to be read as one" * 20)

    store = SqlStore(path, key=fixed_key)
    with pytest.raises(StoreError, match=r"notes\.db"):
        store.open()
    store.dispose()


def test_a_second_process_is_kept_off_the_file_until_the_first_has_ended(store: SqlStore, tmp_path: Path) -> None:
    second = SqlStore(tmp_path / "aetherlink.db", key=fixed_key)
    with pytest.raises(StoreError, match="another agent uses the data"):
        second.open()
    second.dispose()
    other = SqlStore(tmp_path / "other.db", key=fixed_key)
    other.open()
    other.close()
    other = SqlStore(tmp_path / "other.db", key=fixed_key)
    other.open()
    other.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_nobody_else_reads_the_data_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = SqlStore(tmp_path / "data" / "private.db", key=fixed_key)
        store.open()
        await store.write(keep(b"x"))
        await store.read(lambda transaction: transaction.tokens.all())
    finally:
        os.umask(before)

    folder = tmp_path / "data"
    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    store.close()
    assert modes == dict.fromkeys(["private.db", "private.db-wal", "private.db-shm", "private.db.lock"], 0o600)
    assert folder.stat().st_mode & 0o077 == 0


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "open.db"
    script = tmp_path / "die.py"
    script.write_text(_WRITE_THEN_DIE)
    subprocess.run([sys.executable, str(script), str(path)], capture_output=True, timeout=60, check=False)
    left = sorted(tmp_path.glob("open.db*"))
    for file in left:
        file.chmod(0o644)

    store = SqlStore(path, key=fixed_key)
    store.open()

    assert [file.name for file in left] == ["open.db", "open.db-shm", "open.db-wal", "open.db.lock"]
    assert {file.stat().st_mode & 0o777 for file in left} == {0o600}
    store.close()
    assert len(kept(path)) == 20


_WRITE_THEN_DIE = """
import asyncio, os, pathlib, sys
from aetherlink.store import sqlite
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, fixed_key

def keep(tx):
    tx.quarantine.put(source="s", body=b"x", problem="", at=START, most_rows=1000, most_bytes=10**6)

async def main():
    store = SqlStore(pathlib.Path(sys.argv[1]), key=fixed_key)
    store.open()
    for number in range(20):
        await store.write(keep)
        print(number, flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_every_answered_write_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    script = tmp_path / "die.py"
    script.write_text(_WRITE_THEN_DIE)

    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(script), str(path)], capture_output=True, timeout=60, check=False
    )
    assert died.returncode == -9
    assert len(kept(path)) == len(died.stdout.splitlines()) == 20


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    engine = sqlite.writing_engine(tmp_path / "aetherlink.db", busy_milliseconds=50)
    with engine.begin() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    engine.dispose()

    assert (journal, synchronous) == ("wal", 2)  # 2 is FULL


async def test_when_the_database_itself_fails_nothing_of_the_batch_is_called_committed(
    store: SqlStore, tmp_path: Path
) -> None:
    released = threading.Event()

    def hold(_: Transaction) -> None:
        released.wait(timeout=10)

    def trouble(_: Transaction) -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))

    held = asyncio.create_task(store.write(hold))
    await asyncio.sleep(0.1)  # the writer is busy with it, and takes the others as one batch afterwards
    batch = [asyncio.create_task(store.write(work)) for work in (keep(b"a"), trouble, keep(b"b"))]
    await asyncio.sleep(0)
    released.set()
    await held
    results = await asyncio.gather(*batch, return_exceptions=True)

    assert [type(result) for result in results] == [StoreError, StoreError, StoreError]
    assert kept(tmp_path / "aetherlink.db") == []


async def test_reads_that_fail_are_noticed_until_one_is_answered(store: SqlStore, tmp_path: Path) -> None:
    def look(transaction: Transaction) -> None:
        transaction.promotions.all()

    before = store.can_read
    with closing(sqlite3.connect(tmp_path / "aetherlink.db")) as other:
        other.execute("ALTER TABLE promotions RENAME TO elsewhere")
        with pytest.raises(StoreError, match="could not read"):
            await store.read(look)
        lost = store.can_read
        other.execute("ALTER TABLE elsewhere RENAME TO promotions")
    await store.read(look)

    assert (before, lost, store.can_read) == (True, False, True)
