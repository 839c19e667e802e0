"""Finds Prometheus, promtool, Alertmanager and amtool (and docker-compose), or fetches them into the project's folder.

Order: the directory that the caller names, PATH, what was fetched before, then Debian's packages, unpacked without
root and without installing anything. Called by the lab, by tests, and by `python -m aetherlink.lab.tools` in setup.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from aetherlink.errors import AetherError
from aetherlink.lab import apt, relocate
from aetherlink.lab.errors import LabError, MissingToolError

Generation = Literal["stable", "next"]
GENERATIONS: tuple[Generation, ...] = ("stable", "next")
NEXT_SUITE = "forky"
_NEXT_MAJOR = 3
# Written last. The number grows with the shape of the tree, so that an older one is fetched anew.
_COMPLETE = ".complete-2"
# The names a program goes by, best first; Debian prefixes Alertmanager's.
_NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
    "docker_compose": ("docker-compose",),
}
_REQUIRED = ("prometheus", "promtool", "alertmanager", "amtool")
_PACKAGES = ("prometheus", "promtool?", "prometheus-alertmanager")
_INSTALL_LINES = {
    "apt-get": "sudo apt-get install prometheus prometheus-alertmanager",
    "dnf": "sudo dnf install golang-github-prometheus golang-github-prometheus-alertmanager",
    "brew": "brew install prometheus alertmanager",
}


@dataclass(frozen=True, slots=True)
class ToolSet:
    """Absolute paths of the programs of one generation. `docker_compose` may be absent in `stable`."""

    prometheus: Path
    promtool: Path
    alertmanager: Path
    amtool: Path
    docker_compose: Path | None


def find_tools(
    generation: Generation = "stable", *, project_dir: Path = Path(), tools_dir: Path | None = None
) -> ToolSet:
    """Find the programs, fetching what is missing.

    `stable` is whatever this machine has or its distribution carries; `next` is Prometheus 3 or later, from Debian's
    newer suite. May take a minute where something has to be fetched; several callers at a time are safe.
    Raises MissingToolError, which says what is missing, where it was looked for and how to install it.
    """
    found = locate_tools(generation, project_dir=project_dir, tools_dir=tools_dir)
    if found is not None:
        return found
    message = _missing_message(generation, project_dir, tools_dir)
    if not apt.is_available():
        raise MissingToolError(message)
    try:
        keep_tree(generation, _cache(project_dir), lambda work: _build_tree(generation, work))
    except LabError as error:
        raise MissingToolError(f"{message}. Fetching it failed: {error}") from error
    found = locate_tools(generation, project_dir=project_dir, tools_dir=tools_dir)
    if found is None:
        raise MissingToolError(message)
    return found


def locate_tools(
    generation: Generation = "stable", *, project_dir: Path = Path(), tools_dir: Path | None = None
) -> ToolSet | None:
    """The same without fetching: None when one of the required programs is nowhere."""
    places = _places(generation, project_dir, tools_dir)
    found = {tool: _look(names, places) for tool, names in _NAMES.items()}
    # Compose comes with the fetched set of `next` only; elsewhere it is a bonus, not a reason to fetch.
    if generation == "next" and found["docker_compose"] is None and apt.is_available():
        return None
    prometheus, promtool, alertmanager, amtool = (found[tool] for tool in _REQUIRED)
    if prometheus is None or promtool is None or alertmanager is None or amtool is None:
        return None
    return ToolSet(prometheus, promtool, alertmanager, amtool, found["docker_compose"])


def _cache(project_dir: Path) -> Path:
    return project_dir.absolute() / ".cache" / "tools"


def _places(generation: Generation, project_dir: Path, tools_dir: Path | None) -> list[str | None]:
    """Directories in order, as search paths; None stands for PATH."""
    fetched = _cache(project_dir) / generation
    own = f"{fetched}/usr/bin" if (fetched / _COMPLETE).exists() else ""
    places: list[str | None] = [str(tools_dir) if tools_dir else "", own]
    if generation == "stable" or (_is_next(shutil.which("prometheus")) and _is_next(shutil.which("promtool"))):
        places.insert(1, None)
    return [place for place in places if place != ""]


def _look(names: Sequence[str], places: Sequence[str | None]) -> Path | None:
    for place in places:
        for name in names:
            hit = shutil.which(name, path=place)
            if hit is not None:
                return Path(hit).absolute()
    return None


def _is_next(program: str | None) -> bool:
    if program is None:
        return False
    match = re.search(r"version v?(\d+)\.", read_version(Path(program)))
    return match is not None and int(match.group(1)) >= _NEXT_MAJOR


def read_version(program: Path) -> str:
    """The first line that the program prints about its version; empty when it prints none within five seconds."""
    argument = "version" if program.name == "docker-compose" else "--version"
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, argument], timeout=5, check=False, capture_output=True, text=True, errors="replace"
        )
        return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0].partition(" (")[0]
    return ""


def keep_tree(generation: Generation, root: Path, build: Callable[[Path], Path]) -> None:
    """Put a complete tree at root/generation, or nothing: `build` makes it in the directory it is given.

    Callers beside each other wait for the first; what one that was killed left behind is swept by the next.
    """
    root.mkdir(parents=True, exist_ok=True)
    final = root / generation
    with _locked(root / f"{generation}.lock"):
        if (final / _COMPLETE).exists():
            return
        for leftover in root.glob(f".{generation}-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=f".{generation}-", dir=root) as name:
            tree = build(Path(name))
            (tree / _COMPLETE).touch()
            if final.exists():
                shutil.rmtree(final)
            tree.rename(final)


def _build_tree(generation: Generation, work: Path) -> Path:
    archives, tree, private = work / "archives", work / "tree", work / "apt"
    for folder in (archives, tree, private):
        folder.mkdir()
    if generation == "stable":
        apt.fetch_own_suite(_PACKAGES, archives, private)
    else:
        apt.fetch_suite(NEXT_SUITE, (*_PACKAGES, "docker-compose"), archives, private)
    apt.unpack(archives, tree)
    relocate.relocate(tree)
    shutil.rmtree(tree / "usr" / "share" / "doc", ignore_errors=True)
    return tree


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go when the holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _missing_message(generation: Generation, project_dir: Path, tools_dir: Path | None) -> str:
    places = _places(generation, project_dir, tools_dir)
    missing = [tool for tool in _REQUIRED if _look(_NAMES[tool], places) is None] or ["docker-compose"]
    looked = ", ".join(str(place) for place in (tools_dir, "PATH", _cache(project_dir) / generation) if place)
    lines = [line for manager, line in _INSTALL_LINES.items() if shutil.which(manager)]
    how = lines[0] if lines else "install Prometheus and Alertmanager from their makers' release archives"
    wanted = "" if generation == "stable" else f" (Prometheus {_NEXT_MAJOR} or later)"
    return f"missing{wanted}: {', '.join(missing)}; looked in {looked}. Install: {how}, or name their directory"


def main(arguments: Sequence[str] | None = None) -> int:
    """Find or fetch the generations asked for and print what they are; 0 well, else the error's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m aetherlink.lab.tools", description="Find or fetch the lab's tools."
    )
    parser.add_argument("--generation", action="append", choices=GENERATIONS, help="may be repeated; default: stable")
    parser.add_argument("--project-dir", type=Path, default=Path())
    parser.add_argument("--tools-dir", type=Path)
    options = parser.parse_args(arguments)
    for generation in options.generation or ["stable"]:
        try:
            tools = find_tools(generation, project_dir=options.project_dir, tools_dir=options.tools_dir)
        except AetherError as error:
            sys.stderr.write(f"{generation}: {error}\n")
            return error.exit_code
        for tool in fields(tools):
            path = getattr(tools, tool.name)
            sys.stdout.write(
                f"{generation}: {tool.name}: {path or 'absent'} {read_version(path) if path else ''}".rstrip() + "\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
