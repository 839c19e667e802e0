"""Files are shown before they are changed, changed in place, and kept as they were beside it."""

import stat
from pathlib import Path

import pytest

from aetherlink.adoption.changes import Change, Owner
from aetherlink.adoption.own_files import Done, carry_out, read_if_there
from aetherlink.errors import ConflictError, SettingsError


def test_a_file_of_the_stack_is_written_only_when_asked_and_its_old_self_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_bytes(b"a: 1\r\n")
    path.chmod(0o644)
    before = path.stat()
    change = Change(path, b"a: 1\r\n", "a: 1\r\nb: 2\r\n", Owner.STACK)

    [shown] = carry_out([change], apply=False, overwrite=True)
    assert (shown.done, path.read_bytes()) == (Done.SHOWN, b"a: 1\r\n")
    [written] = carry_out([change], apply=True, overwrite=False)

    assert (written.done, path.read_bytes()) == (Done.WRITTEN, b"a: 1\r\nb: 2\r\n")
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)  # mounts follow the file
    assert written.backup is not None
    assert written.backup.read_bytes() == b"a: 1\r\n"
    assert stat.S_IMODE(written.backup.stat().st_mode) == 0o600


def test_no_backup_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("1")
    first = Change(path, b"1", "2", Owner.STACK).write()
    second = Change(path, b"2", "3", Owner.STACK).write()

    assert [one and one.read_text() for one in (first, second)] == ["1", "2"]


def test_what_was_changed_since_it_was_shown_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("by somebody else")

    with pytest.raises(ConflictError, match="was changed meanwhile"):
        Change(path, b"as shown", "new", Owner.STACK).write()
    with pytest.raises(ConflictError, match="has come to be meanwhile"):
        Change(path, None, "new", Owner.AGENT).write()

    assert path.read_text() == "by somebody else"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_the_agent_that_are_there_are_left_until_they_are_to_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "aether.yaml"
    path.write_text("mine")
    change = Change(path, read_if_there(path), "proposed", Owner.AGENT)

    [shown] = carry_out([change], apply=True, overwrite=False)
    assert (shown.done, path.read_text()) == (Done.SHOWN, "mine")
    [written] = carry_out([change], apply=False, overwrite=True)

    assert (written.done, path.read_text()) == (Done.WRITTEN, "proposed")


def test_the_diff_shows_what_is_added_and_none_of_the_secrets_beside_it() -> None:
    before = "smtp_auth_password: hunter2\nx: [{api_url: 'https://hooks/T0/secret'}]\nbearer_token_file: /t\n"
    diff = Change(Path("a.yml"), before.encode(), before + "url: http://agent\n", Owner.STACK).diff

    assert "hunter2" not in diff
    assert " x: [{api_url: <not shown>" in diff
    assert " smtp_auth_password: <not shown>" in diff
    assert " bearer_token_file: /t" in diff
    assert "+url: http://agent" in diff


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be written"):
        Change(tmp_path / "file" / "below.yml", None, "x", Owner.AGENT).write()


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    assert read_if_there(tmp_path / "none") is None
    with pytest.raises(SettingsError, match="there is no such file"):
        read_if_there(tmp_path)
