"""Files are shown before they are changed, changed in place, and kept as they were beside it."""

import errno
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from aetherlink.adoption import writing
from aetherlink.adoption.changes import Change, Owner
from aetherlink.adoption.own_files import Done, carry_out, read_if_there
from aetherlink.adoption.writing import Content, write_all
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
    [first] = write_all([Content(path, b"1", b"2")])
    [second] = write_all([Content(path, b"2", b"3")])

    assert [one and one.read_text() for one in (first, second)] == ["1", "2"]


def test_what_was_changed_since_it_was_shown_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("by somebody else")

    with pytest.raises(ConflictError, match="was changed meanwhile"):
        write_all([Content(path, b"as shown", b"new")])
    with pytest.raises(ConflictError, match="has come to be meanwhile"):
        write_all([Content(path, None, b"new")])

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


def test_the_diff_shows_what_is_added_and_of_what_is_beside_it_the_keys() -> None:
    before = "smtp_auth_password: hunter2\nx: [{api_url: 'https://hooks/T0/secret'}]\nbearer_token_file: /t\n"
    diff = Change(Path("a.yml"), before.encode(), before + "url: http://agent\n", Owner.STACK).diff

    assert diff.splitlines()[3:] == [
        " smtp_auth_password: ...",
        " x: ...",
        " bearer_token_file: ...",
        "+url: http://agent",
    ]


SECRETS = (
    "pagerduty_configs:\n    - routing_key:\n        S3CRET\n",
    "pagerduty_configs:\n    - routing_key: >-\n        S3CRET\n        S3CRET: too\n",
    "webhook_configs:\n    - url: http://x\n      # the old password was S3CRET\n",
    "webhook_configs:\n    - url: http://me:S3CRET@x/S3CRET  # S3CRET\n",
    "webhook_configs:\n    - http_config: {proxy_url: http://p,\n        basic_auth: {username: S3CRET}, S3CRET}\n",
    "secrets:\n    - S3CRET\n    - 'S3CRET'\n    -\n     S3CRET\n",
    "x: 'several\n    S3CRET: lines'\n",
    'x: "several\n    - S3CRET\n    lines"\n',
)


@pytest.mark.parametrize("secret", SECRETS)
def test_in_whatever_form_a_receiver_has_its_secrets_they_are_not_shown(secret: str) -> None:
    text = f"route:\n  receiver: ops\nreceivers:\n- name: ops\n  {secret}"
    diff = Change(Path("am.yml"), text.encode(), text + "- name: agent\n", Owner.STACK).diff

    assert "S3CRET" not in diff
    assert "+- name: agent" in diff


def test_routes_are_shown_and_what_looks_like_a_secret_in_them_is_not() -> None:
    """There names and matchers say what is done; where they move to the right they are the same."""
    routes = [
        "  routes:",
        "  # nights: the pager's token is S3CRET",
        "  - match: {team: db}",
        "    receiver: dba  # password S3CRET",
        "  - receiver: web  # https://hooks/S3CRET and http://me:S3CRET@x",
        "    api_keys:",
        "    - S3CRET",
        "    continue: true",
    ]
    before = "\n".join(["route:", *routes, "receivers:", "- name: S3CRET", ""])
    after = before.replace("\n  ", "\n      ").replace("route:\n", "route:\n  receiver: agent\n", 1)

    diff = Change(Path("am.yml"), before.encode(), after, Owner.STACK).diff

    assert "S3CRET" not in diff
    for shown in (
        "-  - match: {team: db}",
        "+      - match: {team: db}",
        "-    continue: true",
        "+        continue: true",
    ):
        assert shown in diff.splitlines()


def test_of_the_agents_own_file_the_difference_is_shown_without_secrets() -> None:
    before = "mode: auto\nsources:\n- prometheus: http://me:S3CRET@p:9090\n  headers:\n    X-Org: S3CRET\nkept: 1\n"
    diff = Change(Path("aether.yaml"), before.encode(), "mode: observe\nkept: 1\n", Owner.AGENT).diff

    assert "S3CRET" not in diff
    assert {"-mode: auto", "+mode: observe", "-- prometheus: http://...@p:9090", " kept: 1"} <= {*diff.splitlines()}


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be written"):
        write_all([Content(tmp_path / "file" / "below.yml", None, b"x")])


def test_where_one_file_cannot_be_written_none_is_and_nothing_is_left_behind(tmp_path: Path) -> None:
    there = tmp_path / "alertmanager.yml"
    there.write_bytes(b"a")
    changes = [
        Change(tmp_path / "own" / "deep" / "aether.yaml", None, "x", Owner.AGENT),
        Change(there, b"a", "b", Owner.STACK),
        Change(tmp_path / "gone" / "prometheus.yml", b"a", "b", Owner.STACK),
    ]

    with pytest.raises(SettingsError, match=r"gone/prometheus\.yml cannot be written: .*; nothing was changed"):
        carry_out(changes, apply=True, overwrite=False)

    assert there.read_bytes() == b"a"
    assert list(tmp_path.iterdir()) == [there]


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file may grow larger, as on a disk that is full."""
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_where_there_is_no_room_for_the_new_content_the_old_one_is_not_touched(tmp_path: Path) -> None:
    path, before = tmp_path / "alertmanager.yml", b"a: 1\n" + b"# c\n" * 20_000
    path.write_bytes(before)

    with files_at_most(len(before) + 3), pytest.raises(SettingsError, match="nothing was changed"):
        write_all([Content(path, before, b"new: 1\n" + before)])

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_in_the_middle_is_taken_back_with_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "a.yml", tmp_path / "b.yml"
    one.write_bytes(b"first")
    two.write_bytes(b"second")
    fails_on(monkeypatch, b"new second")

    with pytest.raises(SettingsError, match=r"b\.yml cannot be written: .*; nothing was changed"):
        write_all([Content(one, b"first", b"new first"), Content(two, b"second", b"new second")])

    assert (one.read_bytes(), two.read_bytes()) == (b"first", b"second")
    assert sorted(tmp_path.iterdir()) == [one, two]


def test_what_cannot_even_be_put_back_is_named_with_its_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"first")
    fails_on(monkeypatch, b"new first", b"first")

    with pytest.raises(SettingsError, match=r"could not be put back \(.*\), what was there is in .*\.before-aether"):
        write_all([Content(path, b"first", b"new first")])

    assert (tmp_path / "a.yml.before-aether").read_bytes() == b"first"


def fails_on(monkeypatch: pytest.MonkeyPatch, *contents: bytes) -> None:
    """The first half of such a content gets into its place, and no more."""
    put = writing._put

    def half(file: BinaryIO, content: bytes) -> None:
        if content not in contents:
            put(file, content)
            return
        file.seek(0)
        file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "_put", half)


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    assert read_if_there(tmp_path / "none") is None
    with pytest.raises(SettingsError, match="there is no such file"):
        read_if_there(tmp_path)
