"""The rig of rigs/pipeline.py as a fixture: rows are made by the agent itself."""

from pathlib import Path

import pytest

from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.pipeline import Rig, build_rig


@pytest.fixture
def rig(store: SqlStore, clock: ManualClock, ids: CountingIds, tmp_path: Path) -> Rig:
    return build_rig(store, clock, ids, database=tmp_path / "aetherlink.db")
