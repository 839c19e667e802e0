"""The source as data: every guard reads the same parsed files. Nothing is faked."""

import ast
import gc
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"aetherlink": ROOT / "src/aetherlink", "peakpro_crm": ROOT / "pods/crm/src/peakpro_crm"}


@dataclass(frozen=True)
class Source:
    """One source file: its path below the root, its text, its tree."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Without the collector: what it finalizes may parse as well, and CPython before 3.11.5 trips over that."""
        gc.disable()
        try:
            return ast.parse(self.text)
        finally:
            gc.enable()

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def packages() -> dict[str, Path]:
    return PACKAGES


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every file of the two packages."""
    return [Source(path) for folder in PACKAGES.values() for path in sorted(folder.rglob("*.py"))]


@pytest.fixture(scope="session")
def tests() -> list[Source]:
    """Every file of the tests and benchmarks."""
    folders = (ROOT / "tests", ROOT / "pods/crm/tests", ROOT / "bench")
    return [Source(path) for folder in folders for path in sorted(folder.rglob("*.py"))]


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file that git knows or would take, as paths below the root."""
    any_owner = ["-c", "safe.directory=*"]  # root may test what another user has cloned
    command = ["git", *any_owner, "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines() if (ROOT / line).is_file()]
