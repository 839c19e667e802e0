"""Backing up beside a writer and restoring: the same rows, checked before anything is touched, paused afterwards."""

import json
import os
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aetherlink.errors import SettingsError, StoreError
from aetherlink.model.actions import ActionState, OutcomeStatus
from aetherlink.model.ids import SourceName
from aetherlink.ports import Transaction
from aetherlink.store import archive, backup, restore, sqlite
from aetherlink.store.archive import Manifest
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, fixed_key
from rigs.old_database import everything
from rigs.pipeline import Rig, build_rig

KEY = "ab" * 32


@pytest.fixture
def database(rig: Rig) -> Path:
    return rig.database


def back_up(database: Path, file: Path, **beside: Path) -> Manifest:
    engine = sqlite.reading_engine(database, connections=1, busy_milliseconds=1000)
    try:
        return backup.write(engine, file, beside={f"{name}.key": path for name, path in beside.items()}, now=START)
    finally:
        engine.dispose()


def put_back(file: Path, database: Path, *, force: bool = False, stale: tuple[Path, ...] = ()) -> restore.Restored:
    files = restore.Files({"audit.key": database.with_name("audit.key")}, stale)
    return restore.into_file(file, database, files, force=force, now=START)


def keep(body: bytes) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        transaction.quarantine.put(
            source=SourceName("lab"), body=body, problem="", at=START, most_rows=10**6, most_bytes=10**9
        )

    return work


async def fill(rig: Rig) -> None:
    """An incident with its whole life, one that is open, and bytes that are no text."""
    await rig.hear()
    await rig.run_for(30)
    await rig.hear(firing=False)
    await rig.run()
    await rig.hear("SomethingElse", service="billing", summary="ünïcode \x1b \\ \" '")
    await rig.run()
    await rig.store.write(keep(bytes(range(256))))


def without_marks(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """Without what a restore adds on purpose."""
    return {name: found for name, found in rows.items() if name not in ("pauses", "agent_state")}


async def test_what_is_restored_is_what_was_backed_up(rig: Rig, tmp_path: Path) -> None:
    await fill(rig)
    before = everything(rig.database)
    made = back_up(rig.database, tmp_path / "b.zip")
    elsewhere = tmp_path / "elsewhere" / "aetherlink.db"
    done = put_back(tmp_path / "b.zip", elsewhere)

    assert without_marks(everything(elsewhere)) == without_marks(before)
    assert done.replaced is None
    assert made.rows == sum(len(rows) for rows in before.values()) - 1  # the schema's own row is no data
    assert {path.name: path.stat().st_mode & 0o777 for path in elsewhere.parent.iterdir()} == {
        "aetherlink.db": 0o600,
        "aetherlink.db.lock": 0o600,
    }


async def test_a_restored_agent_is_paused_and_acts_on_nothing(rig: Rig, tmp_path: Path) -> None:
    await rig.hear()
    back_up(rig.database, tmp_path / "b.zip")
    database = tmp_path / "elsewhere" / "aetherlink.db"
    put_back(tmp_path / "b.zip", database)
    store = SqlStore(database, key=fixed_key)
    store.open()
    restored = build_rig(store, rig.clock, rig.world.ids, database=database)

    await restored.run_for(60)
    pause = await store.read(lambda tx: tx.pauses.in_force(rig.clock.now()))
    [action] = await restored.actions()
    store.close()
    assert pause.reason == "restored from b.zip of 2026-01-01T12:00:00+00:00: look at it, then `aether resume`"
    assert pause.until is None
    assert action.decision.rule == "agent_is_not_paused"
    assert restored.executor.calls == []


async def test_an_action_that_ran_when_the_backup_was_made_is_looked_at_and_not_repeated(
    rig: Rig, tmp_path: Path
) -> None:
    def then_back_up() -> None:
        back_up(rig.database, tmp_path / "b.zip")

    rig.executor.before = then_back_up
    await rig.hear()
    await rig.run()
    database = tmp_path / "elsewhere" / "aetherlink.db"
    put_back(tmp_path / "b.zip", database)
    store = SqlStore(database, key=fixed_key)
    store.open()
    restored = build_rig(store, rig.clock, rig.world.ids, database=database)
    [action] = await restored.actions()
    assert action.state is ActionState.RUNNING

    await restored.run_for(61)
    action = (await restored.actions())[0]
    store.close()
    assert restored.executor.calls == []  # what was restored is paused
    assert (action.state, action.outcome.status) == (ActionState.FINISHED, OutcomeStatus.NOT_DONE)


async def test_the_epoch_grows_with_every_restore_and_never_falls(rig: Rig, tmp_path: Path) -> None:
    back_up(rig.database, tmp_path / "b.zip")
    database = tmp_path / "elsewhere" / "aetherlink.db"
    for moment in range(3):
        now = START + timedelta(seconds=moment)
        restore.into_file(tmp_path / "b.zip", database, restore.Files(), force=True, now=now)

    assert ("epoch", "3 restored") in everything(database)["agent_state"]


async def test_a_backup_is_one_moment_while_a_writer_goes_on(rig: Rig, tmp_path: Path) -> None:
    """Two rows a transaction: a backup that is one moment holds an even number of them."""
    stop = threading.Event()

    def write_on() -> None:
        with closing(sqlite3.connect(rig.database, isolation_level=None, timeout=10)) as raw:
            while not stop.is_set():
                raw.execute("BEGIN IMMEDIATE")
                for _ in range(2):
                    raw.execute("INSERT INTO quarantine (source, at, problem, body) VALUES ('s', 1, '', x'00')")
                raw.execute("COMMIT")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        rows = [back_up(rig.database, tmp_path / f"{n}.zip").tables["quarantine"].rows for n in range(10)]
    finally:
        stop.set()
        writer.join()

    assert [count % 2 for count in rows] == [0] * 10
    assert rows == sorted(rows)
    assert rows[-1] > rows[0]


async def test_the_key_goes_along_and_nothing_that_is_a_callers_secret(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "audit.key").write_text(KEY)
    (tmp_path / "operator.token").write_text("aek_secret")
    made = back_up(rig.database, tmp_path / "b.zip", audit=tmp_path / "audit.key")
    database = tmp_path / "elsewhere" / "aetherlink.db"
    put_back(tmp_path / "b.zip", database)

    assert list(made.files) == ["audit.key"]
    assert database.with_name("audit.key").read_text() == KEY
    assert database.with_name("audit.key").stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(tmp_path / "b.zip") as package:
        assert not any(b"aek_secret" in package.read(name) for name in package.namelist())


@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_nobody_else_reads_a_backup(database: Path, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        back_up(database, tmp_path / "b.zip")
    finally:
        os.umask(before)

    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_is_there_is_never_written_over(database: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")

    with pytest.raises(SettingsError, match=r"b\.zip is there already"):
        back_up(database, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"


async def test_a_backup_that_cannot_be_written_leaves_nothing(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.ArchiveWriter, "finish", full)
    with pytest.raises(SettingsError, match=r"b\.zip cannot be written: No space left on device"):
        back_up(rig.database, folder / "b.zip")
    assert list(folder.iterdir()) == []


async def test_data_is_replaced_by_force_only_and_moved_aside_whole(rig: Rig, tmp_path: Path) -> None:
    back_up(rig.database, tmp_path / "b.zip")
    await rig.store.write(keep(b"newer than the backup"))
    rig.store.close()
    anchors = rig.database.with_name("audit.anchors")
    anchors.write_text("what was anchored")
    before = everything(rig.database)

    with pytest.raises(SettingsError, match="holds data already: --force moves it aside"):
        put_back(tmp_path / "b.zip", rig.database)
    assert everything(rig.database) == before

    done = put_back(tmp_path / "b.zip", rig.database, force=True, stale=(anchors,))
    aside = tmp_path / "replaced-20260101T120000Z"
    assert done.replaced == str(aside)
    assert everything(aside / "aetherlink.db") == before
    assert (aside / "audit.anchors").read_text() == "what was anchored"
    assert everything(rig.database)["quarantine"] == []
    rig.store = SqlStore(rig.database, key=fixed_key)
    rig.store.open()  # for the fixture, which closes the one that it opened


@pytest.mark.parametrize(
    ("content", "kind", "complaint"),
    [(None, SettingsError, "No such file"), (b"this is no zip", StoreError, "no backup")],
    ids=["missing", "damaged"],
)
async def test_what_is_wrong_with_the_file_is_said_before_force_is_asked_for(
    database: Path, tmp_path: Path, content: bytes | None, kind: type[Exception], complaint: str
) -> None:
    if content is not None:
        (tmp_path / "b.zip").write_bytes(content)

    with pytest.raises(kind, match=complaint) as caught:
        put_back(tmp_path / "b.zip", database)
    assert "--force" not in str(caught.value)


async def test_a_running_agent_is_never_pulled_away(rig: Rig, tmp_path: Path) -> None:
    back_up(rig.database, tmp_path / "b.zip")

    with pytest.raises(StoreError, match="another agent uses the data"):
        put_back(tmp_path / "b.zip", rig.database, force=True)
    await rig.store.write(keep(b"goes on"))


async def test_a_damaged_database_can_be_replaced(database: Path, tmp_path: Path) -> None:
    back_up(database, tmp_path / "b.zip")
    broken = tmp_path / "broken" / "aetherlink.db"
    broken.parent.mkdir()
    broken.write_bytes(b"this was a database " * 1000)

    put_back(tmp_path / "b.zip", broken, force=True)
    assert everything(broken)["pauses"]


def changed(file: Path, name: str, change: Callable[[bytes], bytes | None]) -> None:
    """The archive with one member changed, or without it."""
    with zipfile.ZipFile(file) as package:
        members = {each: package.read(each) for each in package.namelist()}
    new = change(members[name])
    members = {each: content for each, content in members.items() if each != name} | ({name: new} if new else {})
    with zipfile.ZipFile(file, "w") as package:
        for each, content in members.items():
            package.writestr(each, content)


def manifest_with(**more: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **more}).encode()


ROWS = "tables/quarantine.jsonl"
DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a letter": (
        lambda file: changed(file, ROWS, lambda x: x.replace(b"lab", b"bal")),
        "checksum",
    ),
    "a row": (
        lambda file: changed(file, ROWS, lambda x: x.split(b"\n", 1)[1] or b"\n"),
        "no backup",
    ),
    "a member": (lambda file: changed(file, ROWS, lambda _: None), "quarantine"),
    "the manifest": (lambda file: changed(file, "manifest.json", lambda _: None), "manifest"),
    "an unknown key": (lambda file: changed(file, "manifest.json", manifest_with(more=1)), "more"),
    "a later format": (lambda file: changed(file, "manifest.json", manifest_with(format=2)), "use a newer one"),
    "a later schema": (lambda file: changed(file, "manifest.json", manifest_with(revision="9999")), "schema 9999"),
    "a table too few": (
        lambda file: changed(file, "manifest.json", manifest_with(tables={})),
        "does not hold the tables",
    ),
    "its second half": (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "no backup"),
    "everything": (lambda file: file.write_text("this is no zip"), "no backup"),
}


@pytest.mark.parametrize("what", DAMAGES)
async def test_a_damaged_backup_is_refused_before_anything_is_touched(rig: Rig, tmp_path: Path, what: str) -> None:
    damage, complaint = DAMAGES[what]
    await rig.store.write(keep(b"x"))
    back_up(rig.database, tmp_path / "b.zip")
    damage(tmp_path / "b.zip")
    elsewhere = tmp_path / "elsewhere" / "aetherlink.db"

    with pytest.raises(StoreError, match=complaint):
        put_back(tmp_path / "b.zip", elsewhere)
    assert not elsewhere.parent.exists()


async def test_bytes_that_the_zip_itself_notices_are_refused(rig: Rig, tmp_path: Path) -> None:
    await rig.store.write(keep(os.urandom(20_000)))
    back_up(rig.database, tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    middle = content.find(b"tables/quarantine.jsonl") + 10_000
    content[middle] ^= 0xFF
    (tmp_path / "b.zip").write_bytes(content)

    with pytest.raises(StoreError, match="no backup, or a damaged one"):
        backup.verify(tmp_path / "b.zip")


async def test_a_file_in_an_archive_goes_nowhere_but_where_it_belongs(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("evil")
    engine = sqlite.reading_engine(rig.database, connections=1, busy_milliseconds=1000)
    backup.write(engine, tmp_path / "b.zip", beside={"../evil.key": tmp_path / "evil"}, now=START)
    engine.dispose()

    put_back(tmp_path / "b.zip", tmp_path / "elsewhere" / "aetherlink.db")
    assert not (tmp_path / "evil.key").exists()


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.zip"):
        put_back(tmp_path / "nowhere.zip", tmp_path / "elsewhere" / "aetherlink.db")


async def test_an_empty_database_is_no_backup(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    engine.connect().close()
    engine.dispose()

    with pytest.raises(StoreError, match="nothing to back up"):
        back_up(tmp_path / "empty.db", tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
