"""T13: whatever the hands did is in the timeline, and the chain is whole, wherever kill -9 strikes."""

import random
import subprocess
import sys
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from aetherlink.audit.verify import verify
from aetherlink.model.audit import AuditRow
from aetherlink.model.timeline import EventKind
from aetherlink.store.audit import auditing
from aetherlink.store.sqlite import SqlitePlace
from aetherlink.store.statements import micros
from aetherlink.testing import fixed_key
from rigs.agent_process import wait_until

TESTS = Path(__file__).parents[1]


def started(rows: list[AuditRow]) -> set[int]:
    return {row.at for row in rows if row.kind == EventKind.ACTION_STARTED}


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def has_grown(file: Path, size: int) -> bool:
    return size_of(file) > size


def kill_again_and_again(folder: Path, *, kills: int) -> None:
    witness = folder / "witness"
    for number in range(kills):
        command = [sys.executable, "-m", "rigs.acting_process", str(folder), str(number * 10_000)]
        with subprocess.Popen(command, cwd=TESTS) as process:
            try:
                wait_until(partial(has_grown, witness, size_of(witness)), "it acts")
                time.sleep(random.uniform(0, 0.3))
            finally:
                process.kill()
        with auditing(SqlitePlace(folder / "aetherlink.db")) as view:
            report = verify(view, fixed_key(True), [])
            rows = list(view.rows())
        assert (report.first_bad, report.tally.number) == (None, len(rows))
        done = {micros(datetime.fromisoformat(line)) for line in witness.read_text().splitlines()}
        assert done - started(rows) == set(), f"after kill {number + 1}"
    assert len(done) >= kills


def test_t13_nothing_was_done_without_an_entry_in_a_few_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=3)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_t13_nothing_was_done_without_an_entry_in_50_kills(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=50)
