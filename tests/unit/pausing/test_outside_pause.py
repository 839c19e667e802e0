"""A file and a setting that only ever add a pause; what cannot be looked at is one."""

import os
from pathlib import Path

import pytest

from aetherlink.pausing.outside_pause import PauseFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pause"


def words(path: Path | None, *, is_set: bool = False) -> str | None:
    return PauseFile(path, is_set=is_set)()


def test_without_a_file_and_without_the_setting_nothing_is_paused(path: Path) -> None:
    assert words(None) is None
    assert words(path) is None


def test_the_setting_pauses_whether_there_is_a_file_or_not(path: Path) -> None:
    assert words(None, is_set=True) == "paused by the setting `paused`: take it out and restart"
    assert words(path, is_set=True) is not None


def test_a_file_pauses_from_when_it_is_there_until_it_is_gone(path: Path) -> None:
    outside = PauseFile(path, is_set=False)
    said = [outside()]
    path.write_text("we move the database\n")
    said.append(outside())
    path.unlink()
    said.append(outside())

    assert said == [None, f"paused by the file {path}: we move the database", None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no reason was given"),
        (b" \n\t", "no reason was given"),
        (b"two\nlines\r\n", "two lines"),
        (b"\x1b[31mred\x00\x07", "[31mred"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 100_000, "x" * 200 + "..."),
    ],
    ids=["empty", "blank", "two lines", "control characters", "not UTF-8", "long"],
)
def test_its_content_is_the_reason_bounded_and_printable(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)

    assert words(path) == f"paused by the file {path}: {reason}"


def test_a_pipe_in_its_place_pauses_and_blocks_nobody(path: Path) -> None:
    os.mkfifo(path)

    assert words(path) == f"paused by the file {path}: no reason was given"


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [make_folder, make_loop, make_dangling_link])
def test_what_cannot_be_read_is_a_pause(path: Path, make) -> None:
    make(path)

    assert words(path).startswith("paused: the ")


@pytest.mark.parametrize("inside", ["a/b", "a\0b", "x" * 300])
def test_a_place_that_is_not_there_or_cannot_be_is_a_pause(path: Path, inside: str) -> None:
    assert words(path / inside).startswith("paused: the ")


def test_a_file_below_a_file_is_a_pause(path: Path) -> None:
    path.touch()

    assert words(path / "pause").startswith("paused: the file ")


def test_one_that_may_not_be_read_is_a_pause(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)

    assert words(path) == f"paused: the file {path} cannot be read (PermissionError), so it may be there"
