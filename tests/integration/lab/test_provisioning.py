"""Tools are found, or fetched by apt into a folder; apt is real here, its archive is a folder of this test.

The packages are made on the spot: what is proven is the way, not the archive's content.
"""

import asyncio
import hashlib
import subprocess
import threading
from pathlib import Path

import pytest

from aetherlink.lab import apt, provision, tools
from aetherlink.lab.apt_sources import Source
from aetherlink.lab.errors import LabError, MissingToolError
from aetherlink.lab.options import LabOptions

ARCHITECTURE = subprocess.run(
    ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
).stdout.strip()


@pytest.fixture
def archive(tmp_path: Path) -> Source:
    """An archive in a folder, with one package: `lab-probe`, which holds usr/bin/lab-probe."""
    root = tmp_path / "archive"
    content = tmp_path / "package"
    (content / "DEBIAN").mkdir(parents=True)
    (content / "usr" / "bin").mkdir(parents=True)
    probe = content / "usr" / "bin" / "lab-probe"
    probe.write_text("#!/bin/sh\necho probe\n")
    probe.chmod(0o755)
    about = {"Package": "lab-probe", "Version": "1", "Architecture": ARCHITECTURE, "Maintainer": "x <x@localhost>"}
    control = "".join(f"{name}: {value}\n" for name, value in {**about, "Description": "x"}.items())
    (content / "DEBIAN" / "control").write_text(control)
    folder = root / "dists" / "lab" / "main" / f"binary-{ARCHITECTURE}"
    folder.mkdir(parents=True)
    package = root / "lab-probe.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", content, package], check=True, capture_output=True)
    data = package.read_bytes()
    listed = f"{control}Filename: lab-probe.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    (folder / "Packages").write_text(listed)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    release = (
        f"Suite: lab\nCodename: lab\nComponents: main\nArchitectures: {ARCHITECTURE}\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {digest} {len(listed)} main/binary-{ARCHITECTURE}/Packages\n"
    )
    (root / "dists" / "lab" / "Release").write_text(release)
    return Source((f"file:{root}",), ("lab",), ("main",), {"Trusted": "yes"})


def _folders(tmp_path: Path) -> tuple[Path, Path]:
    into, work = tmp_path / "into", tmp_path / "work"
    into.mkdir()
    work.mkdir()
    return into, work


def test_packages_are_fetched_and_unpacked_with_lists_of_their_own(tmp_path: Path, archive: Source) -> None:
    into, work = _folders(tmp_path)

    apt.fetch_from([archive], ["lab-probe", "absent-here?"], into, work)
    apt.unpack(into, tmp_path / "tree")

    said = subprocess.run(tmp_path / "tree/usr/bin/lab-probe", check=True, capture_output=True, text=True).stdout
    assert said == "probe\n"
    assert list((work / "lists").glob("*Release"))


def test_a_package_that_the_archive_lacks_is_named(tmp_path: Path, archive: Source) -> None:
    into, work = _folders(tmp_path)

    with pytest.raises(LabError, match="no-such-package"):
        apt.fetch_from([archive], ["no-such-package"], into, work)


def test_an_archive_that_cannot_be_reached_is_told_in_apts_own_words(tmp_path: Path) -> None:
    into, work = _folders(tmp_path)
    gone = Source((f"file:{tmp_path}/gone",), ("lab",), ("main",), {"Trusted": "yes"})

    with pytest.raises(LabError, match="gone"):
        apt.fetch_from([gone], ["lab-probe"], into, work)


def test_a_package_that_was_tampered_with_is_refused(tmp_path: Path, archive: Source) -> None:
    into, work = _folders(tmp_path)
    (tmp_path / "archive" / "lab-probe.deb").write_bytes(b"something else")

    with pytest.raises(LabError, match="download"):
        apt.fetch_from([archive], ["lab-probe"], into, work)


def test_callers_beside_each_other_build_a_tree_once(tmp_path: Path) -> None:
    builds: list[Path] = []

    def build(work: Path) -> Path:
        builds.append(work)
        tree = work / "tree"
        tree.mkdir()
        return tree

    callers = [threading.Thread(target=tools.keep_tree, args=("stable", tmp_path, build)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)

    assert len(builds) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stable", "stable.lock"]


def test_an_interrupted_fetch_leaves_nothing_half_and_the_next_one_sweeps_up(tmp_path: Path) -> None:
    (tmp_path / ".stable-killed").mkdir()
    (tmp_path / "stable").mkdir()

    def fail(_work: Path) -> Path:
        raise LabError("the line went dead")

    with pytest.raises(LabError):
        tools.keep_tree("stable", tmp_path, fail)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["stable", "stable.lock"]
    assert list((tmp_path / "stable").iterdir()) == []


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without apt and without the tools: an empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_apt_each_missing_tool_is_named_with_where_it_was_looked_for(bare_machine: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        tools.find_tools("next", project_dir=bare_machine, tools_dir=bare_machine / "mine")

    message = str(caught.value)
    assert "Prometheus 3 or later" in message
    assert "prometheus, promtool, alertmanager, amtool" in message
    assert f"{bare_machine / 'mine'}, PATH, {bare_machine / '.cache' / 'tools' / 'next'}" in message
    assert caught.value.exit_code == 2


def test_a_directory_named_by_the_caller_comes_first(tmp_path: Path) -> None:
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)

    found = tools.find_tools(project_dir=tmp_path, tools_dir=tmp_path)

    assert found.prometheus == tmp_path / "prometheus"
    assert found.alertmanager == tmp_path / "prometheus-alertmanager"


def test_a_lab_without_tools_says_what_it_did_and_what_is_missing(bare_machine: Path) -> None:
    told: list[str] = []
    options = LabOptions(dir=bare_machine / "lab", project_dir=bare_machine)

    with pytest.raises(MissingToolError, match="missing: prometheus"):
        asyncio.run(provision.tools(options, told.append))

    assert "nothing is installed" in told[0]


def test_the_labs_tools_run(tmp_path: Path) -> None:
    project = Path(__file__).parents[3]

    found = tools.find_tools(project_dir=project)

    for program in (found.prometheus, found.promtool, found.alertmanager, found.amtool):
        assert "version" in tools.read_version(program), program
