"""Token files on a real file system."""

import os
import threading
from pathlib import Path

import pytest

from aetherlink.access.digests import digest_of
from aetherlink.access.token_files import file_principals, read_or_create
from aetherlink.errors import SettingsError
from aetherlink.model.principals import Scope

GOOD = "aek_0123456789012345678901234567890"


@pytest.mark.parametrize(("umask", "mode"), [(0, 0o600), (0o077, 0o640)])
def test_a_missing_file_is_made_whole_with_its_mode_whatever_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    path = tmp_path / "data" / "operator.token"
    before = os.umask(umask)
    try:
        made = read_or_create(path, mode=mode)
    finally:
        os.umask(before)

    assert path.read_text() == made + "\n"
    assert made.startswith("aek_")
    assert path.stat().st_mode & 0o777 == mode
    assert read_or_create(path, mode=mode) == made
    assert list(path.parent.iterdir()) == [path]


def test_of_many_who_make_it_at_once_all_read_the_same(tmp_path: Path) -> None:
    seen: list[str] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        seen.append(read_or_create(tmp_path / "token", mode=0o600))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 8
    assert set(seen) == {(tmp_path / "token").read_text().strip()}
    assert list(tmp_path.iterdir()) == [tmp_path / "token"]


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "text", ["", "\n", "short", "two words of a long enough kind", f"{GOOD}\n{GOOD}\n", "é" * 30, "x" * 513]
)
def test_a_file_without_a_token_is_refused_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "token", text)

    with pytest.raises(SettingsError, match=r"holds no token.*delete it"):
        read_or_create(path, mode=0o600)
    assert path.read_text() == text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_an_operators_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "token", GOOD, mode)

    with pytest.raises(SettingsError, match=f"chmod 0600 {path}"):
        read_or_create(path, mode=0o600)


def test_a_webhook_file_may_be_read_by_its_group_only(tmp_path: Path) -> None:
    assert read_or_create(written(tmp_path / "a", GOOD, 0o440), mode=0o640) == GOOD
    with pytest.raises(SettingsError, match="open to others"):
        read_or_create(written(tmp_path / "b", GOOD, 0o644), mode=0o640)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    (tmp_path / "file").touch()

    for path in (tmp_path / "pipe", tmp_path / "folder", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match=str(path)):
            read_or_create(path, mode=0o600)


def test_both_files_give_their_principals(tmp_path: Path) -> None:
    webhook = written(tmp_path / "webhook.token", GOOD)

    principals = file_principals(tmp_path, webhook)

    operator = principals[digest_of((tmp_path / "operator.token").read_text().strip())]
    assert (operator.name, operator.scopes) == ("operator", {Scope.ADMIN})
    assert principals[digest_of(GOOD)].scopes == {Scope.WEBHOOK}


def test_one_token_cannot_be_both(tmp_path: Path) -> None:
    written(tmp_path / "operator.token", GOOD)
    webhook = written(tmp_path / "webhook.token", GOOD)

    with pytest.raises(SettingsError, match="holds the operator's token"):
        file_principals(tmp_path, webhook)
