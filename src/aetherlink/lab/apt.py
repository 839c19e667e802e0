"""Fetches and unpacks Debian packages without root: nothing is installed, no service starts, no system file changes.

Called by `tools`. Uses the machine's package lists when they are there and good, else lists of its own in a folder
that is removed afterwards. apt checks signatures and hashes as always.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aetherlink.lab import apt_sources
from aetherlink.lab.errors import LabError, MissingToolError

UPDATE_SECONDS = 180
DOWNLOAD_SECONDS = 300
_ETC = Path("/etc/apt")
_OS_RELEASE = Path("/etc/os-release")
_SHOWN_ERROR_LINES = 6


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine says of itself: its distribution, its suite, and its package sources."""

    distribution: str
    codename: str
    sources: tuple[apt_sources.Source, ...]


def is_available() -> bool:
    """Whether this machine has apt and dpkg."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def read_machine(etc: Path = _ETC, os_release: Path = _OS_RELEASE) -> Machine:
    """Read the sources files; unreadable ones (mode 0600, say) are passed over."""
    sources: list[apt_sources.Source] = []
    for path in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if path.suffix in {".list", ".sources"} and os.access(path, os.R_OK):
            text = path.read_text(encoding="utf-8", errors="replace")
            sources += apt_sources.parse_deb822(text) if path.suffix == ".sources" else apt_sources.parse_one_line(text)
    about = _parse_os_release(os_release.read_text(encoding="utf-8") if os_release.exists() else "")
    return Machine(about.get("ID", "unknown"), about.get("VERSION_CODENAME", ""), tuple(sources))


def fetch_own_suite(packages: Sequence[str], into: Path, work: Path) -> None:
    """Download the packages of the machine's own suite into the directory `into`. Raises LabError with apt's words."""
    if _run_apt(("download", *_known(packages, ())), cwd=into, seconds=DOWNLOAD_SECONDS) is None:
        return
    machine = read_machine()
    fetch_from(apt_sources.main_archive(machine.sources, machine.codename), packages, into, work)


def fetch_suite(suite: str, packages: Sequence[str], into: Path, work: Path) -> None:
    """The same from another Debian suite, by lists of its own in `work`; needs a machine with Debian's sources."""
    machine = read_machine()
    if machine.distribution != "debian":
        raise MissingToolError(
            f"the tools of Debian's suite {suite} can be fetched on Debian only, this is {machine.distribution}"
        )
    fetch_from(apt_sources.for_suite(machine.sources, machine.codename, suite), packages, into, work)


def fetch_from(sources: Sequence[apt_sources.Source], packages: Sequence[str], into: Path, work: Path) -> None:
    """Download the packages from these sources, by lists of its own in `work`. Raises LabError with apt's words."""
    if not sources:
        raise MissingToolError("the main archive of the distribution is not among this machine's apt sources")
    config = ("-c", str(write_config(work, sources)))
    failure = _run_apt((*config, "update"), cwd=work, seconds=UPDATE_SECONDS)
    if failure is not None:
        raise LabError(f"apt-get update (into {work}) failed: {failure}")
    failure = _run_apt((*config, "download", *_known(packages, config)), cwd=into, seconds=DOWNLOAD_SECONDS)
    if failure is not None:
        raise LabError(f"apt-get download {' '.join(packages)} failed: {failure}")


def unpack(archives: Path, into: Path) -> None:
    """Unpack every package file of a directory into a tree. Raises LabError."""
    for archive in sorted(archives.glob("*.deb")):
        failure = _run(("dpkg-deb", "-x", str(archive), str(into)), cwd=archives, seconds=60)
        if failure is not None:
            raise LabError(f"cannot unpack {archive.name}: {failure}")


def write_config(work: Path, sources: Sequence[apt_sources.Source]) -> Path:
    """An apt configuration that reads these sources only and keeps lists and caches below `work`."""
    for folder in ("lists/partial", "cache/archives/partial", "sources"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "sources" / "lab.sources").write_text(apt_sources.render(sources), encoding="utf-8")
    config = work / "apt.conf"
    # The machine's own configuration stays in force (proxies, certificates); its hooks, which need root, do not.
    config.write_text(
        "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
        'Dir::Etc::SourceList "/dev/null";\n'
        f'Dir::Etc::SourceParts "{work}/sources";\n'
        f'Dir::State "{work}";\nDir::State::Lists "{work}/lists";\nDir::State::status "{work}/status";\n'
        f'Dir::Cache "{work}/cache";\n'
        'APT::Sandbox::User "root";\nAcquire::Languages "none";\nAcquire::Retries "2";\n',
        encoding="utf-8",
    )
    return config


def _known(packages: Sequence[str], config: Sequence[str]) -> list[str]:
    """The packages that this suite has; a trailing ? marks one that only some suites have."""
    kept: list[str] = []
    for package in packages:
        name = package.removesuffix("?")
        if name == package or _run(("apt-cache", *config, "show", name), cwd=Path("/"), seconds=30) is None:
            kept.append(name)
    return kept


def _run_apt(arguments: Sequence[str], *, cwd: Path, seconds: float) -> str | None:
    return _run(("apt-get", "-q", *arguments), cwd=cwd, seconds=seconds)


def _run(argv: Sequence[str], *, cwd: Path, seconds: float) -> str | None:
    """None when it went well, else the last lines that it printed."""
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            timeout=seconds,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:.0f} s"
    if done.returncode == 0:
        return None
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return "\n".join(lines[-_SHOWN_ERROR_LINES:]) or f"exit code {done.returncode}"


def _parse_os_release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
