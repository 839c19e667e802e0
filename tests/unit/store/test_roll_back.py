"""Up from the schema of the release before, and back to it: by the backup that was made on the way (T32)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from aetherlink.errors import StoreError
from aetherlink.store import backup, restore, schema
from aetherlink.store.backup import AutomaticBackup
from aetherlink.store.database import SqlStore
from aetherlink.testing import START, ManualClock, fixed_key
from rigs.old_database import build, everything, revision

BEFORE = "0006"
CHANGED_BY_A_RESTORE = ("pauses", "agent_state", "alembic_version")


class EarlierRelease:
    """The store as the release before has it: it knows the schemas up to its own, and none after."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._known = frozenset({"0001", "0002", "0003", "0004", "0005", BEFORE})
        patch.setattr(schema, "newest", lambda: BEFORE)
        patch.setattr(schema, "NEWEST", BEFORE)
        patch.setattr(schema, "check_known", self._check_known)
        migrate = schema.migrate
        patch.setattr(schema, "migrate", lambda connection, to=BEFORE: migrate(connection, to))

    def _check_known(self, revision: str | None) -> None:
        if revision is not None and revision not in self._known:
            raise StoreError(f"the database is at schema {revision}, which this version does not know")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """What the release before has left, with rows in its tables."""
    path = tmp_path / "data" / "aetherlink.db"
    build(path)
    with pytest.MonkeyPatch.context() as patch:
        EarlierRelease(patch)
        store = SqlStore(path, key=fixed_key)
        store.open()
        store.close()
    assert revision(path) == BEFORE
    return path


def upgrade(database: Path) -> Path:
    """Open it with this release. Returns the backup that was made before."""
    folder = database.parent / backup.FOLDER
    store = SqlStore(database, key=fixed_key, before_migration=AutomaticBackup(folder, {}, ManualClock()))
    store.open()
    store.close()
    [file] = folder.iterdir()
    return file


def rows_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows for name, rows in everything(database).items() if name not in CHANGED_BY_A_RESTORE}


def test_the_release_before_has_every_row_again_from_the_backup(database: Path) -> None:
    before = rows_of(database)
    file = upgrade(database)
    assert revision(database) == schema.newest() != BEFORE
    assert backup.verify(file).revision == BEFORE

    with pytest.MonkeyPatch.context() as patch:
        EarlierRelease(patch)
        refusing = SqlStore(database, key=fixed_key)
        with pytest.raises(StoreError, match="at schema 0007, which this version does not know"):
            refusing.open()
        refusing.dispose()
        restore.into_file(file, database, restore.Files(), force=True, now=START)
        assert revision(database) == BEFORE
        assert rows_of(database) == before
        store = SqlStore(database, key=fixed_key)
        store.open()
        store.close()


def test_after_a_roll_back_the_upgrade_goes_through_again(database: Path) -> None:
    file = upgrade(database)
    upgraded = rows_of(database)
    with pytest.MonkeyPatch.context() as patch:
        EarlierRelease(patch)
        restore.into_file(file, database, restore.Files(), force=True, now=START)
    store = SqlStore(database, key=fixed_key)
    store.open()
    store.close()

    assert revision(database) == schema.newest()
    assert rows_of(database) == upgraded


def test_what_is_counted_of_earlier_actions_is_there_after_the_upgrade(database: Path) -> None:
    upgrade(database)
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        kinds = connection.execute(sa.text("SELECT DISTINCT kind, result, rule FROM actions ORDER BY kind")).all()
    engine.dispose()

    assert kinds
    assert all(kind in {"ran", "held", "denied"} and rule for kind, _, rule in kinds), kinds
