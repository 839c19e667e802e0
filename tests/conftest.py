"""What a test run may lack, and what it leaves out; nothing is faked here.

A part of the machine that is absent (a Docker daemon, a Chromium) is named before and after the run with the line that
installs it, and the tests marked with it are left out. AETHER_TEST_REQUIRE_ALL=1, which CI sets, allows none of that:
an absent part stops the run at once, and a test that was skipped, deselected or expected to fail fails it at the end.
"""

import hashlib
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import playwright
import pytest

_LEFT_OUT = pytest.StashKey[Counter[str]]()
_ABSENT = pytest.StashKey[list[str]]()


def _answers(*command: str) -> bool:
    """Whether the command says something and succeeds within its deadline."""
    if shutil.which(command[0]) is None:
        return False
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _playwright_driver() -> str:
    """The program that playwright carries; it wants libraries that a small machine may lack."""
    return str(Path(playwright.__file__).parent / "driver/node")


@dataclass(frozen=True)
class Part:
    """A part of the machine that some tests need: how it is found (the daemon is asked), how it is had."""

    what: str
    is_there: Callable[[], bool]
    install: str


PARTS: Mapping[str, Part] = {
    "docker": Part(
        "a Docker daemon that answers, and docker-compose",
        lambda: (
            _answers("docker", "version", "--format", "{{.Server.Version}}") and _answers("docker-compose", "version")
        ),
        "apt-get install docker.io docker-compose && service docker start",
    ),
    "chromium": Part(
        "Chromium, or what playwright needs to drive it",
        lambda: _answers("chromium", "--version") and _answers(_playwright_driver(), "--version"),
        "apt-get install chromium libatomic1",
    ),
    "curl": Part("curl", lambda: _answers("curl", "--version"), "apt-get install curl"),
    "strace": Part("strace", lambda: _answers("strace", "--version"), "apt-get install strace"),
    "mounts": Part(
        "the right to mount a small disk in a namespace of one's own",
        lambda: _answers("unshare", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt && echo yes"),
        "sysctl -w kernel.unprivileged_userns_clone=1, or run as root",
    ),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--resume-long",
        type=Path,
        metavar="FOLDER",
        help="remember in FOLDER which tests passed on this very tree, and leave those out of the next run",
    )


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_strict() -> bool:
    return os.environ.get("AETHER_TEST_REQUIRE_ALL", "") not in ("", "0")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = Counter()
    _read_certificates_once()
    if _is_worker(config):
        config.stash[_ABSENT] = config.workerinput["absent"]
        return
    _keep_bytecode(config.rootpath)
    config.stash[_ABSENT] = [mark for mark, part in PARTS.items() if not part.is_there()]
    if config.stash[_ABSENT] and _is_strict() and not config.option.collectonly:
        lines = "\n".join(_absence_lines(config))
        raise pytest.UsageError(f"AETHER_TEST_REQUIRE_ALL is set, and not everything is there.\n{lines}")


def _read_certificates_once() -> None:
    """httpx reads them for each client, of plain HTTP too: 30 ms of every 50 ms in which a test looks and waits."""
    default = httpx._transports.default
    default.create_ssl_context = cache(httpx.create_ssl_context)


def _keep_bytecode(root: Path) -> None:
    """Who wants none beside the source has it elsewhere: else hundreds of processes compile all of it, each anew."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(root / ".cache/bytecode"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Only the controller looks for the parts; its workers are told."""
    node.workerinput["absent"] = node.config.stash[_ABSENT]


def _absence_lines(config: pytest.Config) -> list[str]:
    return [f"absent: {PARTS[mark].what}; to have it: {PARTS[mark].install}" for mark in config.stash[_ABSENT]]


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _absence_lines(config) or ["nothing is absent: every test can run"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    passed = _passed_before(config)
    kept = []
    for item in items:
        reason = _reason_to_leave_out(config, item, passed)
        if reason:
            config.stash[_LEFT_OUT][reason] += 1
        else:
            kept.append(item)
    items[:] = kept


def _reason_to_leave_out(config: pytest.Config, item: pytest.Item, passed: frozenset[str]) -> str:
    if item.get_closest_marker("long") and "long" not in config.option.markexpr:
        return "long"
    if item.nodeid in passed:
        return "passed before"
    return next((mark for mark in config.stash[_ABSENT] if item.get_closest_marker(mark)), "")


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_LEFT_OUT]["deselected"] += 1


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what passed; the file was named after the tree by _passed_file."""
    state = _PASSED.get("file")
    if state and report.when == "call" and report.passed:
        with state.open("a") as lines:
            lines.write(f"{report.nodeid}\n")


_PASSED: dict[str, Path] = {}


def _passed_before(config: pytest.Config) -> frozenset[str]:
    folder: Path | None = config.option.resume_long
    if folder is None:
        return frozenset()
    folder.mkdir(parents=True, exist_ok=True)
    _PASSED["file"] = folder / f"passed-{_tree(config.rootpath)}"
    return frozenset(_PASSED["file"].read_text().splitlines()) if _PASSED["file"].exists() else frozenset()


def _tree(root: Path) -> str:
    """A name for exactly this code: a test that passed on other code has to pass again."""
    git = ["git", "-c", "safe.directory=*"]  # root may test what another user has cloned
    head = subprocess.run([*git, "rev-parse", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    changes = subprocess.run([*git, "diff", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    return hashlib.sha256(head + changes).hexdigest()[:16]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Every worker collects everything, so any one of them knows what was left out."""
    if left_out := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[_LEFT_OUT] = Counter(left_out)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if _is_worker(config):
        config.workeroutput["left_out"] = dict(config.stash[_LEFT_OUT])
    elif _is_strict() and _offences(config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _offences(config: pytest.Config) -> list[str]:
    """What a strict run does not allow."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    counts = {kind: len(reporter.stats.get(kind, ())) for kind in ("skipped", "xfailed", "xpassed")}
    counts["deselected"] = config.stash[_LEFT_OUT]["deselected"]
    return [f"{count} {kind}" for kind, count in counts.items() if count]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash[_LEFT_OUT]
    lines = [
        f"{line} ({left_out[mark]} tests left out)"
        for mark, line in zip(config.stash[_ABSENT], _absence_lines(config), strict=True)
    ]
    if left_out["long"]:
        lines.append(f"{left_out['long']} long tests: make test-long")
    if left_out["passed before"]:
        lines.append(f"{left_out['passed before']} tests passed in an earlier run on this code")
    if _is_strict() and (offences := _offences(config)):
        lines.append(f"AETHER_TEST_REQUIRE_ALL is set, so this run FAILED: {', '.join(offences)}")
    _tell(terminalreporter, "measured", _figures(terminalreporter))
    _tell(terminalreporter, "left out", lines)


def _figures(reporter: pytest.TerminalReporter) -> list[str]:
    """What tests have measured and do not judge: their property `figure`."""
    ended = (report for kind in ("passed", "failed") for report in reporter.stats.get(kind, ()))
    return [f"{one.nodeid}: {value}" for one in ended for name, value in one.user_properties if name == "figure"]


def _tell(reporter: pytest.TerminalReporter, title: str, lines: list[str]) -> None:
    if lines:
        reporter.section(title)
    for line in lines:
        reporter.write_line(line)
