"""A run says what it lacks, and a strict run lacks nothing. Real pytest runs of a small project with this conftest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SETTINGS = """
[pytest]
addopts = -p xdist -p no:cacheprovider --strict-markers
testpaths = tests
markers =
    docker: needs a daemon
    chromium: needs a browser
    curl: needs curl
    strace: needs strace
    mounts: needs mounts
    long: a full count
"""

TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.docker
def test_with_docker(): pass

@pytest.mark.long
def test_t07_counts_to_a_million(): pass

@pytest.mark.long
def test_t08_counts_further(): pass
"""


class Project:
    """A folder with this conftest, run by pytest on a PATH that holds just the named programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        (folder / "tests").mkdir()
        (folder / "pytest.ini").write_text(SETTINGS)
        self.write(TESTS)
        shutil.copy(ROOT / "tests/conftest.py", folder / "tests/conftest.py")
        (self.programs / "git").symlink_to(shutil.which("git") or "/usr/bin/git")

    def write(self, tests: str) -> None:
        (self.folder / "tests/test_things.py").write_text(tests)

    def have(self, program: str, script: str = "echo 1.0") -> None:
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def have_everything(self) -> None:
        for program in ("docker", "docker-compose", "chromium", "curl", "strace", "unshare"):
            self.have(program)

    def run(self, *arguments: str, strict: bool = False) -> tuple[int, str]:
        environment = {
            "PATH": str(self.programs),
            "HOME": os.environ.get("HOME", "/"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # most of the time of a run this small
        }
        if strict:
            environment["AETHER_TEST_REQUIRE_ALL"] = "1"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_what_is_absent_is_said_first_and_last_and_its_tests_are_left_out(
    project: Project, workers: tuple[str, ...]
) -> None:
    code, output = project.run(*workers)

    assert code == 0
    assert "1 passed" in output
    assert (
        output.count("absent: a Docker daemon that answers, and docker-compose; to have it: apt-get install docker.io")
        == 2
    )
    assert "service docker start (1 tests left out)" in output
    assert "2 long tests: make test-long" in output


def test_a_docker_client_without_a_daemon_counts_as_absent(project: Project) -> None:
    project.have("docker-compose")
    project.have("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")

    assert "absent: a Docker daemon" in project.run()[1]


def test_a_daemon_without_docker_compose_counts_as_absent(project: Project) -> None:
    project.have("docker")

    assert "absent: a Docker daemon that answers, and docker-compose" in project.run()[1]


def test_with_everything_there_nothing_but_the_long_tests_is_left_out(project: Project) -> None:
    project.have_everything()

    code, output = project.run(strict=True)

    assert code == 0
    assert "2 passed" in output
    assert "absent" not in output.replace("nothing is absent", "")


def test_a_strict_run_stops_at_once_when_a_part_is_absent(project: Project) -> None:
    project.have("docker")
    project.have("docker-compose")

    code, output = project.run(strict=True)

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "absent: Chromium, or what playwright needs to drive it; to have it: apt-get install chromium" in output


OFFENCES = {
    "a skipped test": ("pytest.skip('later')", "@pytest.mark.docker", (), "1 skipped"),
    "an expected failure": ("assert 0", "@pytest.mark.xfail", (), "1 xfailed"),
    "an unexpected pass": ("pass", "@pytest.mark.xfail", (), "1 xpassed"),
    "a deselected test": ("pass", "@pytest.mark.docker", ("-k", "other"), "1 deselected"),
}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "a worker"])
@pytest.mark.parametrize("offence", OFFENCES)
def test_a_strict_run_fails_on(project: Project, offence: str, workers: tuple[str, ...]) -> None:
    body, mark, arguments, said = OFFENCES[offence]
    project.have_everything()
    project.write(f"import pytest\n\n{mark}\ndef test_it():\n    {body}\n\ndef test_other(): pass\n")

    loose_code, _ = project.run(*workers, *arguments)
    strict_code, output = project.run(*workers, *arguments, strict=True)

    assert loose_code == 0
    assert strict_code == pytest.ExitCode.TESTS_FAILED
    assert f"this run FAILED: {said}" in output


def test_long_tests_run_by_their_mark_and_go_on_where_the_last_run_stopped(project: Project) -> None:
    git = ["git", "-C", str(project.folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "tests"], check=True)
    subprocess.run([*git, "commit", "-qm", "tests"], check=True)
    arguments = ("-m", "long", "--resume-long=state")

    one = project.run(*arguments, "-k", "T07")[1]
    rest = project.run(*arguments)[1]
    project.write(TESTS + "\n# changed\n")
    changed = project.run(*arguments)[1]

    assert "1 passed" in one
    assert "1 passed" in rest
    assert "1 tests passed in an earlier run on this code" in rest
    assert "2 passed" in changed
