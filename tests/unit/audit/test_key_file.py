"""The key of the chain in its file: made once, private, never replaced while entries rest on it."""

import os
from pathlib import Path

import pytest

from aetherlink.audit import key_file
from aetherlink.audit.options import AuditOptions
from aetherlink.errors import SettingsError
from aetherlink.lib.hash_chain import FIRST, Key, Link, pruned_proof


def fingerprint(key: Key) -> str:
    return pruned_proof(key, 1, Link(FIRST, "i", 1, "k", 0, "", ""), "")


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    before = os.umask(0)
    try:
        made = key_file.read_or_create(path, is_in_use=lambda: False)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    again = key_file.read_or_create(path, is_in_use=lambda: True)
    assert fingerprint(again) == fingerprint(made) == fingerprint(key_file.read(path))
    other = key_file.read_or_create(tmp_path / "other.key", is_in_use=lambda: False)
    assert fingerprint(other) != fingerprint(made)


def test_a_missing_key_of_hashed_entries_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    with pytest.raises(SettingsError, match="restore it from a backup"):
        key_file.read_or_create(path, is_in_use=lambda: True)
    with pytest.raises(SettingsError, match="restore it from a backup"):
        key_file.read(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "holds no key"),
        ("ab" * 31, 0o600, "holds no key"),
        ("zz" * 32, 0o600, "holds no key"),
        ("ab" * 32, 0o640, "chmod 0600"),
    ],
)
def test_a_file_that_cannot_serve_is_refused(tmp_path: Path, text: str, mode: int, words: str) -> None:
    path = tmp_path / "audit.key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=words):
        key_file.read_or_create(path, is_in_use=lambda: False)


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be made"):
        key_file.read_or_create(tmp_path / "file" / "audit.key", is_in_use=lambda: False)


def test_the_settings_may_name_another_place(tmp_path: Path) -> None:
    assert key_file.place(AuditOptions(), tmp_path) == tmp_path / "audit.key"
    assert key_file.place(AuditOptions(key_file=Path("/keys/a")), tmp_path) == Path("/keys/a")
