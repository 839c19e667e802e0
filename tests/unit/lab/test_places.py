"""Directories, logs, options and programs of the lab: private, bounded, short enough, checked."""

import os
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from aetherlink.lab import files, layout, logs, plans, postgres, relocate
from aetherlink.lab.errors import LabBusyError, LabError, LabSettingsError, MissingToolError
from aetherlink.lab.identity import identify, is_alive
from aetherlink.lab.options import LabOptions


async def test_a_directory_has_one_lab_and_names_its_holder(tmp_path: Path) -> None:
    places = layout.prepare(tmp_path)

    async with layout.hold(places):
        assert layout.holder(places) == identify(os.getpid())
        with pytest.raises(LabBusyError, match="a lab runs in"):
            async with layout.hold(places):
                pass

    assert layout.holder(places) is None


def test_a_control_socket_with_a_long_path_is_a_link_to_a_short_private_one(tmp_path: Path) -> None:
    places = layout.prepare(tmp_path / ("x" * 120))

    path = layout.control_socket(places)

    assert len(os.fsencode(path)) < 108
    assert places.control.readlink() == path
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.rmdir()


def test_a_short_directory_that_somebody_else_opened_is_refused(tmp_path: Path) -> None:
    path = files.short_private_dir(tmp_path / "lab", base=tmp_path, label="t")
    path.chmod(0o755)

    with pytest.raises(LabError, match="in the way"):
        files.short_private_dir(tmp_path / "lab", base=tmp_path, label="t")


def test_a_link_in_place_of_a_short_directory_is_refused_and_its_target_stays_as_it_is(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    path = files.short_private_dir(tmp_path / "lab", base=tmp_path, label="t")
    path.rmdir()
    path.symlink_to(victim)

    with pytest.raises(LabError, match="in the way"):
        files.short_private_dir(tmp_path / "lab", base=tmp_path, label="t", mode=0o711)

    assert victim.stat().st_mode & 0o777 == 0o755


def test_a_link_or_a_pipe_in_place_of_a_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")

    assert files.read_plain(tmp_path / "secret", limit=3) == "sec"
    assert files.read_plain(tmp_path / "pipe", limit=3) == ""
    with pytest.raises(LabError, match="in the way"):
        files.read_plain(tmp_path / "link", limit=3)


def test_a_log_begins_anew_and_keeps_the_one_before(tmp_path: Path) -> None:
    log = tmp_path / "crm.log"
    log.write_text("yesterday")

    logs.begin(log)

    assert log.read_text() == ""
    assert (tmp_path / "crm.log.1").read_text() == "yesterday"


def test_a_log_that_grows_too_long_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "crm.log"
    descriptor = logs.open_append(log)
    os.write(descriptor, b"a" * 90 + b"b" * 20)

    assert logs.cut(log, 100)
    os.write(descriptor, b"c")
    os.close(descriptor)

    assert log.read_bytes() == b"c"
    assert (tmp_path / "crm.log.1").read_bytes() == b"a" * 80 + b"b" * 20
    assert not logs.cut(log, 100)


def test_a_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "a"

    files.write_atomic(path, "one")
    files.write_atomic(path, "two")

    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_process_is_known_by_its_birth_and_not_by_its_number() -> None:
    me = identify(os.getpid())

    assert me is not None
    assert is_alive(me)
    assert not is_alive(type(me)(me.pid, "another boot:1"))


def test_programs_that_look_in_usr_share_are_led_into_their_tree(tmp_path: Path) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "share" / "prometheus").mkdir(parents=True)
    (tmp_path / "usr" / "share" / "prometheus" / "page").write_text("found")
    program = tmp_path / "usr" / "bin" / "reader"
    program.write_text("#!/bin/sh\ncat /usr/share/prometheus/page; echo $1\n")
    (tmp_path / "usr" / "bin" / "other").write_text("#!/bin/sh\n")

    assert relocate.relocate(tmp_path) == ["reader"]

    said = subprocess.run([program, "argument"], check=True, capture_output=True, text=True).stdout
    assert said == "foundargument\n"


def test_paths_in_the_options_are_made_absolute_and_unknown_options_are_refused() -> None:
    assert LabOptions().dir == Path.cwd() / ".lab"
    with pytest.raises(ValidationError, match="replicaz"):
        LabOptions.model_validate({"replicaz": 2})
    with pytest.raises(ValidationError, match="replicas"):
        LabOptions(replicas=5)


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_a_database_url_is_taken_in_every_usual_form(url: str) -> None:
    assert plans.sqlalchemy_url(url) == "postgresql+psycopg://u:p@h/d"


def test_another_databases_url_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(LabSettingsError, match="PostgreSQL") as caught:
        plans.sqlalchemy_url("mysql://u:secret@h/d")

    assert "secret" not in str(caught.value)


def test_a_directory_without_postgresql_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match=f"looked in {tmp_path}.*pip install"):
        postgres.find_binaries(tmp_path)
