"""A database of an earlier release is backed up before it is migrated, and whatever happens it is whole (T32)."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aetherlink.errors import StoreError
from aetherlink.store import backup, restore, schema
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, ManualClock, fixed_key
from rigs.old_database import build, everything, revision

KEPT = {"alerts": 200, "incidents": 20, "timeline": 60, "actions": 20, "tokens": 1, "quarantine": 1}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "aetherlink.db"
    build(path)
    return path


def store_on(database: Path, clock: ManualClock | None = None) -> SqlStore:
    folder = database.parent / backup.FOLDER
    return SqlStore(database, key=fixed_key, before_migration=AutomaticBackup(folder, {}, clock or ManualClock()))


def open_and_close(store: SqlStore) -> None:
    try:
        store.open()
        store.close()
    except StoreError:
        store.dispose()
        raise


def counts(database: Path) -> dict[str, int]:
    return {name: len(rows) for name, rows in everything(database).items() if name in KEPT}


def test_an_earlier_database_is_backed_up_then_migrated_and_keeps_its_rows(database: Path) -> None:
    before = everything(database)
    open_and_close(store_on(database))

    [file] = (database.parent / "backups").iterdir()
    assert revision(database) == schema.newest() != "0001"
    assert counts(database) == KEPT
    assert file.name == f"before-{schema.newest()}-20260101T120000000000Z.zip"
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = backup.verify(file)
    assert manifest.revision == "0001"
    assert {name: len(rows) for name, rows in before.items() if name in KEPT} == {
        name: table.rows for name, table in manifest.tables.items()
    }


def test_the_backup_before_a_migration_restores_to_the_same_as_the_migration(database: Path, tmp_path: Path) -> None:
    open_and_close(store_on(database))
    [file] = (database.parent / "backups").iterdir()
    elsewhere = tmp_path / "elsewhere" / "aetherlink.db"
    restore.into_file(file, elsewhere, restore.Files(), force=False, now=START)
    open_and_close(store_on(elsewhere))

    migrated, restored = everything(database), everything(elsewhere)
    for own in ("pauses", "agent_state"):
        del migrated[own], restored[own]
    assert restored == migrated


def test_a_database_that_is_new_or_up_to_date_is_not_backed_up(tmp_path: Path) -> None:
    database = tmp_path / "data" / "aetherlink.db"
    open_and_close(store_on(database))
    open_and_close(store_on(database))

    assert not (database.parent / "backups").exists()


def test_the_last_three_are_kept_and_nothing_else_is_touched(database: Path, tmp_path: Path) -> None:
    old = shutil.copy(database, tmp_path / "old.db")
    folder = database.parent / "backups"
    clock = ManualClock()
    for _ in range(5):
        shutil.copy(old, database)
        open_and_close(store_on(database, clock))
        clock.move(3600)
        folder.joinpath("mine.zip").touch()

    stamps = [f"before-{schema.newest()}-20260101T{hour}0000000000Z.zip" for hour in (14, 15, 16)]
    assert sorted(path.name for path in folder.iterdir()) == [*stamps, "mine.zip"]


def test_without_a_backup_nothing_is_migrated(database: Path) -> None:
    before = everything(database)
    (database.parent / "backups").write_text("in the way")

    with pytest.raises(StoreError, match=r"backup before that failed: .*backups.*Nothing was changed"):
        open_and_close(store_on(database))
    assert everything(database) == before


_MIGRATE_AND_DIE = """
import os, pathlib, sys
import sqlalchemy as sa
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key

store = SqlStore(pathlib.Path(sys.argv[1]), key=fixed_key)
left = int(sys.argv[2])

@sa.event.listens_for(store._place.writing, "before_cursor_execute")
def die_at_the_nth(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)

store.open()
store.close()
"""


def die_in_migration(database: Path, statement: int) -> bool:
    """Migrate, and be killed at the n-th statement; False when the migration has fewer."""
    command = [sys.executable, "-c", _MIGRATE_AND_DIE, str(database), str(statement)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (-9, 0), done.stderr
    return done.returncode == -9


def kill_in_migration(database: Path, statements: range) -> int:
    """Kills at these statements; each leaves the old database or the new one. Returns how many it were."""
    before = everything(database)
    kills = 0
    for statement in statements:
        if not die_in_migration(database, statement):
            break
        kills += 1
        if revision(database) != "0001":  # the migration is committed: what comes after it may be killed too
            assert (revision(database), counts(database)) == (schema.newest(), KEPT)
        else:
            assert everything(database) == before
    open_and_close(store_on(database))
    assert (revision(database), counts(database)) == (schema.newest(), KEPT)
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return kills


def test_t32_a_kill_inside_a_migration_leaves_the_old_database(database: Path) -> None:
    assert kill_in_migration(database, range(4, 40, 5)) > 1


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_t32_a_kill_at_each_statement_of_a_migration_leaves_the_old_database(database: Path) -> None:
    assert kill_in_migration(database, range(1, 500)) > 10
