"""`aether lab down --purge` leaves nothing of a lab, and touches nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aetherlink.lab import remote
from aetherlink.lab.errors import LabBusyError, LabError


def test_a_purge_removes_the_lab_and_its_database_wherever_that_is(start_lab: Any, tmp_path: Path) -> None:
    lab = start_lab(tmp_path / "lab").wait_until_ready()
    remembered = lab.dir / "postgres.home"
    outside = [Path(remembered.read_text())] if remembered.exists() else []

    with pytest.raises(LabBusyError):
        asyncio.run(remote.purge(lab.dir))
    assert asyncio.run(remote.down(lab.dir)) is True
    removed = asyncio.run(remote.purge(lab.dir))

    assert removed == [lab.dir, *outside]
    assert [path for path in removed if path.exists()] == []
    for path in outside:
        assert f"the database is kept in {path}; `aether lab down --purge` removes it" in lab.said


def test_a_purge_keeps_what_no_lab_has_put_there(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(LabError, match=r"thesis\.txt"):
        asyncio.run(remote.purge(tmp_path))

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_purge_of_a_directory_without_a_lab_removes_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()

    assert asyncio.run(remote.purge(tmp_path)) == []
    assert (tmp_path / "data").exists()
