"""The token of a source comes from a file, and what is in the file is never told."""

import os
from pathlib import Path

import pytest

from aetherlink.clients.credentials import read_bearer_token
from aetherlink.errors import SettingsError


def test_the_token_is_the_one_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret.a-b_c~+/=\n")

    assert read_bearer_token(file) == "s3cret.a-b_c~+/="


@pytest.mark.parametrize(
    "content",
    [b"", b"  \n", b"s3cret and more", b"s3cret\nX-Evil: 1", b"s3cret\x00", b"s3cr\xc3\xa9t", b"s3cret" * 5000],
    ids=["empty", "blank", "two words", "two lines", "control", "not ascii", "too long"],
)
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"bearer_token_file .*token holds no token") as caught:
        read_bearer_token(file)
    assert "s3cr" not in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere cannot be read: No such file.*Put the token there"):
        read_bearer_token(tmp_path / "nowhere")


def test_a_pipe_or_a_folder_does_not_block_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SettingsError, match=r"bearer_token_file .* (is not a regular file|cannot be read)"):
            read_bearer_token(place)
