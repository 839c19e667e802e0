"""Root's folder for a lab's database: the database's user gets two directories in it and nothing else."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.lab import database_folder, files, postgres, remote
from aetherlink.lab.errors import LabError, MissingToolError
from aetherlink.lab.options import LabOptions
from aetherlink.lab.processes import Account
from aetherlink.lab.supervisor import Lab
from aetherlink.lib.clock import SystemClock


@pytest.fixture
def account() -> Account:
    """As whom the lab runs the database: an unprivileged user, or whoever runs the tests when that is not root."""
    return postgres.choose_account() or Account("me", os.geteuid(), os.getegid())


@pytest.fixture
def shared_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In place of /var/tmp, where other labs of this machine have their folders. Others may enter it."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        monkeypatch.setattr(database_folder, "ROOT", root)
        yield root


@pytest.fixture
def lab_dir(tmp_path: Path) -> Path:
    path = tmp_path / "lab"
    path.mkdir()
    return path


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_mode & 0o777


@pytest.mark.usefixtures("shared_root")
def test_the_folder_stays_the_labs_own_and_only_what_is_in_it_is_given_away(lab_dir: Path) -> None:
    account = postgres.choose_account()

    home = postgres.prepare_home(lab_dir, postgres.find_binaries(), account)

    assert _state(home.data.parent) == (os.geteuid(), 0o700 if account is None else 0o711)
    assert _state(home.sockets) == (os.geteuid() if account is None else account.uid, 0o700)


@pytest.mark.usefixtures("shared_root")
@pytest.mark.parametrize("name", ["run", "data"])
def test_a_link_that_was_planted_is_refused_and_its_target_keeps_its_owner(
    lab_dir: Path, tmp_path: Path, name: str
) -> None:
    account = postgres.choose_account()
    base = postgres.prepare_home(lab_dir, postgres.find_binaries(), account).data.parent
    victim = tmp_path / "victim"
    victim.mkdir()
    before = _state(victim)
    (base / "run").rmdir()
    (base / name).symlink_to(victim)

    with pytest.raises(LabError, match=f"{name} is in the way"):
        postgres.prepare_home(lab_dir, postgres.find_binaries(), account)

    assert _state(victim) == before


def test_a_stray_file_is_named_instead_of_removed(lab_dir: Path, account: Account, shared_root: Path) -> None:
    base = database_folder.prepare(lab_dir, account)
    (lab_dir / "postgres.home").unlink()
    (base / "stray").write_text("whose?")

    with pytest.raises(LabError, match=r"stray is in the way.*remove"):
        database_folder.prepare(lab_dir, account)

    assert [path.name for path in shared_root.iterdir()] == [base.name]


def test_a_lab_directory_that_was_removed_takes_its_database_with_it(
    lab_dir: Path, account: Account, shared_root: Path
) -> None:
    base = database_folder.prepare(lab_dir, account)
    (base / "data").mkdir()
    (lab_dir / "postgres.home").unlink()

    assert database_folder.prepare(lab_dir, account) == base

    assert not (base / "data").exists()
    assert base.parent == shared_root


def _earlier_folder(lab_dir: Path, account: Account, root: Path) -> Path:
    """As it was made before: it belonged to the database's user altogether."""
    path = root / files.short_name(files.short_digest(lab_dir), owner=account.uid, label="postgres")
    path.mkdir(mode=0o700)
    (path / "data").mkdir(mode=0o700)
    (path / "data" / "kept").write_text("kept")
    for one in (path, path / "data"):
        os.chown(one, account.uid, account.gid)
    (lab_dir / "postgres.home").write_text(str(path))
    return path


def test_what_an_earlier_version_stored_is_taken_over(lab_dir: Path, account: Account, shared_root: Path) -> None:
    earlier = _earlier_folder(lab_dir, account, shared_root)

    base = database_folder.prepare(lab_dir, account)

    assert (base / "data" / "kept").read_text() == "kept"
    assert _state(base)[0] == os.geteuid()
    assert base == earlier or not earlier.exists()


def test_the_software_is_copied_readable_and_without_links(lab_dir: Path, tmp_path: Path, shared_root: Path) -> None:
    account = postgres.choose_account()
    # Programs that only their owner can run, whose library is a link to a private file.
    private = tmp_path / "package" / "install" / "bin"
    private.mkdir(parents=True)
    (tmp_path / "package").chmod(0o700)
    for name in ("initdb", "postgres"):
        (private / name).write_text("#!/bin/sh\necho postgres 15.1\n")
        (private / name).chmod(0o700)
    (tmp_path / "secret").write_text("library")
    (tmp_path / "secret").chmod(0o600)
    (private / "library").symlink_to(tmp_path / "secret")

    home = postgres.prepare_home(lab_dir, [private], account)

    copied = list((shared_root / home.data.parent.name).glob("software-15/**/*"))
    assert bool(copied) is (account is not None)
    assert not [path for path in copied if path.is_symlink() or path.stat().st_uid != os.geteuid()]
    assert not [path for path in copied if path.stat().st_mode & 0o044 != 0o044]


def _abandon(lab_dir: Path, account: Account) -> Path:
    """The folder of a lab whose directory was removed."""
    base = database_folder.prepare(lab_dir, account)
    (base / "data").mkdir()
    shutil.rmtree(lab_dir)
    return base


@pytest.mark.usefixtures("shared_root")
def test_the_database_of_a_lab_that_is_gone_is_swept_and_others_stay(lab_dir: Path, account: Account) -> None:
    other = lab_dir.with_name("other")
    other.mkdir()
    kept = database_folder.prepare(other, account)
    gone = _abandon(lab_dir, account)

    assert database_folder.sweep() == [lab_dir]

    assert not gone.exists()
    assert kept.exists()
    assert database_folder.sweep() == []


def test_a_folder_that_does_not_say_whose_it_is_and_a_link_are_left_alone(shared_root: Path, lab_dir: Path) -> None:
    unknown = files.short_private_dir(lab_dir, base=shared_root, label="postgres")
    link = unknown.with_name(f"{unknown.name}-link")
    link.symlink_to(lab_dir)
    (lab_dir / "lab").write_text("/no/such/lab")

    assert database_folder.sweep() == []

    assert unknown.exists()
    assert (lab_dir / "lab").exists()


@pytest.mark.usefixtures("shared_root")
async def test_a_database_that_a_lab_holds_is_not_swept_even_when_the_labs_directory_is_gone(
    lab_dir: Path, account: Account
) -> None:
    async with database_folder.hold(lab_dir):
        base = _abandon(lab_dir, account)
        assert database_folder.sweep() == []
        assert base.exists()

    assert database_folder.sweep() == [lab_dir]


@pytest.mark.usefixtures("shared_root")
def test_a_database_whose_server_still_lives_is_not_swept(lab_dir: Path, account: Account) -> None:
    base = _abandon(lab_dir, account)
    with subprocess.Popen(["cat"], cwd=base / "data", stdin=subprocess.PIPE) as server:
        assert database_folder.sweep() == []
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)

    assert database_folder.sweep() == [lab_dir]


@pytest.mark.usefixtures("shared_root")
async def test_a_folder_is_held_once(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_folder, "_HOLD_SECONDS", 0.1)
    async with database_folder.hold(lab_dir):
        with pytest.raises(LabError, match="whose directory was removed"):
            async with database_folder.hold(lab_dir):
                pass

    async with database_folder.hold(lab_dir):
        pass


@pytest.mark.usefixtures("shared_root")
async def test_down_sweeps(lab_dir: Path, account: Account) -> None:
    gone = _abandon(lab_dir, account)

    assert await remote.down(lab_dir) is False

    assert not gone.exists()


@pytest.mark.usefixtures("shared_root")
async def test_a_lab_that_starts_removes_the_database_of_one_that_is_gone(
    lab_dir: Path, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = _abandon(lab_dir, account)
    told: list[str] = []
    # A machine without the tools: the start need not go on.
    monkeypatch.setenv("PATH", str(tmp_path))
    lab = Lab(LabOptions(dir=tmp_path / "new", project_dir=tmp_path), clock=SystemClock(), tell=told.append)

    with pytest.raises(MissingToolError):
        await lab.start()
    await lab.stop()

    assert not gone.exists()
    assert told[0] == f"removed the databases of labs that are gone: {lab_dir}"
