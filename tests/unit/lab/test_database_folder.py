"""Root's folder for a lab's database: the database's user gets two directories in it and nothing else."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherlink.lab import database_folder, files, postgres
from aetherlink.lab.errors import LabError
from aetherlink.lab.processes import Account


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
