"""The rig of rigs/pipeline.py as a fixture."""

import pytest

from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.pipeline import Rig, build_rig


@pytest.fixture
def rig(store: SqlStore, clock: ManualClock, ids: CountingIds) -> Rig:
    return build_rig(store, clock, ids)
