"""Backups across both databases: what the one wrote, the other restores, row by row."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aetherlink.errors import SettingsError, StoreError
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, SourceName
from aetherlink.ports import Transaction
from aetherlink.store import backup, restore, schema
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.testing import START, CountingIds, ManualClock, fixed_key
from rigs.databases import Database, postgresql_database
from rigs.old_database import build, everything
from rigs.pipeline import build_rig
from rigs.postgres_server import PostgresServer

MARKS = ("pauses", "agent_state", "alembic_version")


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    with postgresql_database(postgres) as made:
        yield made


async def born_on_sqlite(folder: Path) -> Path:
    """A backup with rows of every kind, made by the agent itself on SQLite."""
    database = folder / "born" / "aetherlink.db"
    store = SqlStore(database, key=fixed_key)
    store.open()
    rig = build_rig(store, ManualClock(), CountingIds(), database=database)
    for name in ("CrmApiDown", "SomethingElse"):
        await rig.hear(name, service=name, note='ünïcode \x1b \\ " {"a": [1, 2.5]}')
        await rig.run_for(20)
    await store.write(keep)
    await store.write(tell)
    store.close()
    file = folder / "born.zip"
    place = SqlitePlace(database)
    backup.write(place.reading, file, beside={}, now=START)
    place.release()
    return file


def keep(transaction: Transaction) -> None:
    body = bytes(range(256))
    transaction.quarantine.put(
        source=SourceName("lab"), body=body, problem="none", at=START, most_rows=10, most_bytes=10**6
    )


def tell(transaction: Transaction) -> None:
    """A channel, and a message of which nobody knows whether it was heard."""
    chat = ChannelName("chat")
    transaction.deliveries.set_cursor(chat, 3)
    begun = Delivery("inc-1", chat, 20, DeliveryState.SENDING, wanted=2, since=START, began_at=START, due_at=START)
    transaction.deliveries.put(replace(begun, is_unsure=True, reference={"ts": 'ünïcode \\ " 1.5'}))


def back_up(database: Database, file: Path) -> None:
    place = database.place()
    backup.write(place.reading, file, beside={}, now=START)
    place.release()


def into_postgres(file: Path, database: Database, folder: Path, *, force: bool = False, hours: int = 0) -> str | None:
    now = START + timedelta(hours=hours)
    return restore.into_postgres(file, database.place(), folder, restore.Files(), force=force, now=now).replaced


def into_file(file: Path, folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the backup, but those that a restore adds."""
    database = folder / "aetherlink.db"
    restore.into_file(file, database, restore.Files(), force=False, now=START)
    return {name: rows for name, rows in everything(database).items() if name not in MARKS}


async def test_from_sqlite_to_postgresql_and_back_every_row_is_the_same(database: Database, tmp_path: Path) -> None:
    born = await born_on_sqlite(tmp_path)
    into_postgres(born, database, tmp_path)
    back_up(database, tmp_path / "back.zip")

    first, second = into_file(born, tmp_path / "first"), into_file(tmp_path / "back.zip", tmp_path / "second")
    assert second == first
    assert all(
        first[table] for table in ("alerts", "incidents", "timeline", "actions", "quarantine", "channels", "deliveries")
    )


async def test_an_agent_goes_on_with_what_was_restored_paused(database: Database, tmp_path: Path) -> None:
    into_postgres(await born_on_sqlite(tmp_path), database, tmp_path)

    store = database.opened()
    await store.write(keep)  # its number has to come after the restored one's
    chat = ChannelName("chat")
    [unsure] = await store.read(lambda tx: tx.deliveries.due(chat, START, limit=9))
    await store.write(lambda tx: tx.deliveries.put(replace(unsure, subject="inc-2")))
    assert (unsure.is_unsure, unsure.state, await store.read(lambda tx: tx.deliveries.cursor(chat))) == (
        True,
        DeliveryState.SENDING,
        3,
    )
    pause = await store.read(lambda tx: tx.pauses.in_force(START))
    assert pause is not None
    assert pause.reason.startswith("restored from born.zip")


async def test_an_early_sqlite_backup_is_restored_at_the_newest_schema(database: Database, tmp_path: Path) -> None:
    old = tmp_path / "data" / "aetherlink.db"
    build(old)
    migrated = SqlStore(old, key=fixed_key, before_migration=AutomaticBackup(tmp_path / "backups", {}, ManualClock()))
    migrated.open()
    migrated.close()
    [file] = (tmp_path / "backups").iterdir()
    assert into_postgres(file, database, tmp_path) is None
    database.opened().close()
    back_up(database, tmp_path / "b.zip")

    here = {name: rows for name, rows in everything(old).items() if name not in MARKS}
    assert into_file(tmp_path / "b.zip", tmp_path / "elsewhere") == here


async def test_data_is_replaced_by_force_only_never_under_an_agent_and_kept_aside(
    database: Database, tmp_path: Path
) -> None:
    born = await born_on_sqlite(tmp_path)
    store = database.opened()
    with pytest.raises(StoreError, match="another agent uses"):
        into_postgres(born, database, tmp_path, force=True)
    store.close()
    with pytest.raises(SettingsError, match=r"--force moves it .* replaced_20260101t120000z"):
        into_postgres(born, database, tmp_path)

    replaced = [into_postgres(born, database, tmp_path, force=True, hours=hours) for hours in (0, 1)]
    place = database.place()
    with place.reading.connect() as connection:
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table("timeline", schema=name)))
            for name in ("replaced_20260101t120000z", "replaced_20260101t130000z", None)
        ]
        epoch = connection.scalar(sa.text("SELECT value FROM agent_state WHERE name = 'epoch'"))
    place.release()
    assert str(replaced[0]).startswith("schema replaced_20260101t120000z of the database postgresql://")
    assert counts[0] == 0
    assert counts[1] == counts[2] > 0
    assert epoch == "3 restored"  # one agent, two restores


async def test_a_restore_that_fails_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    born = await born_on_sqlite(tmp_path)
    into_postgres(born, database, tmp_path)
    back_up(database, tmp_path / "before.zip")

    def fail(*_: object) -> None:
        raise StoreError("the power failed")

    monkeypatch.setattr(restore, "_bump_epoch", fail)
    with pytest.raises(StoreError, match="the power failed"):
        into_postgres(born, database, tmp_path, force=True)
    monkeypatch.undo()
    back_up(database, tmp_path / "after.zip")
    assert into_file(tmp_path / "after.zip", tmp_path / "a") == into_file(tmp_path / "before.zip", tmp_path / "b")


async def test_a_migration_on_postgresql_is_backed_up_before(database: Database, tmp_path: Path) -> None:
    place = database.place()
    with place.writing.begin() as connection:
        schema.migrate(connection, "0001")
        for name in ("one", "two"):
            connection.execute(
                sa.text("INSERT INTO tokens VALUES (:name, :name, :name, '[]', 1, NULL)"), {"name": name}
            )
    place.release()

    store = SqlStore(
        database.place(), key=fixed_key, before_migration=AutomaticBackup(tmp_path / "backups", {}, ManualClock())
    )
    store.open()
    kept = await store.read(lambda tx: tx.tokens.all())
    store.close()
    [file] = (tmp_path / "backups").iterdir()
    assert [token.name for token in kept] == ["one", "two"]
    assert backup.verify(file).tables["tokens"].rows == 2
