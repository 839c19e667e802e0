"""Fixtures that any test may ask for: a real store (SQLite in a temporary folder); clock and ids moved by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.databases import empty_file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(empty_file(tmp_path / "aetherlink.db"), key=fixed_key)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ids() -> CountingIds:
    return CountingIds()
