"""The pages tell the truth: links lead somewhere, paths exist, lists are complete, commands are there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from aetherlink.doctor.registry import CHECKS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "pods").rglob("README.md")],
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
TOP_FOLDERS = {"src", "pods", "monitoring", "scripts", "tests", "docs", "requirements", "bench"}
# Paths that the first description names and that are elsewhere here; they stand in the table that says so.
ELSEWHERE = {"pods/aetherlink_agent/Dockerfile", "pods/aetherlink_agent/requirements.txt"}


def kept_files() -> list[str]:
    """What git knows or would take: an empty folder on this machine is in nobody else's clone."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


KEPT = kept_files()


def is_kept(path: str) -> bool:
    """Whether the path, which may hold a *, names a file or a folder with a file in it."""
    pattern = re.compile(re.escape(path.rstrip("/")).replace(r"\*", "[^/]*") + "(/|$)")
    return any(pattern.match(file) for file in KEPT)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if not re.match(r"https?://|#", target)]

    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_that_a_page_names_are_there(page: Path) -> None:
    words = [word for code in CODE.findall(page.read_text()) for word in code.split()]
    paths = {word for word in words if word.partition("/")[0] in TOP_FOLDERS and "/" in word} - ELSEWHERE

    beside = page.parent.relative_to(ROOT)
    assert [path for path in sorted(paths) if not is_kept(path) and not is_kept(str(beside / path))] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_commands_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "\n".join([*CODE.findall(page.read_text()), *re.findall(r"```.*?```", page.read_text(), re.DOTALL)])
    said = set(re.findall(r"(?:^|\s)make ([a-z-]+)\b", blocks, re.MULTILINE))

    assert said - targets == set()


def test_make_alone_lists_every_command() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)

    listed = {line.split()[1] for line in done.stdout.splitlines()}
    wanted = {"demo", "up", "down", "drill", "setup", "test", "test-long", "mutation", "lint", "docs"}
    assert listed == {*wanted, "screens", "bench", "lock", "help"}


def section(page: Path, marker: str) -> str:
    """What follows a marker comment, up to the next heading."""
    return page.read_text().split(f"<!-- {marker}", 1)[1].split("\n## ", 1)[0]


def test_the_architecture_names_exactly_the_rooms_that_exist() -> None:
    said = set(re.findall(r"^\| `aetherlink\.(\w+)` \|", section(ROOT / "docs/architecture.md", "rooms"), re.MULTILINE))
    package = ROOT / "src/aetherlink"
    folders = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}

    assert said == folders | modules


def test_the_layers_on_the_page_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    block = section(ROOT / "docs/architecture.md", "layers").split("```text\n")[1].split("\n```")[0]

    assert block.splitlines() == layers


def test_the_checks_on_the_page_are_those_of_the_doctor() -> None:
    page = ROOT / "docs/how-to/check-an-installation.md"

    assert re.findall(r"^\| `([a-z ]+)` \|", section(page, "checks"), re.MULTILINE) == [one.name for one in CHECKS]


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    records = {path.name for path in folder.glob("0*.md")}

    assert set(re.findall(r"\((0[\w-]+\.md)\)", (folder / "README.md").read_text())) == records
    assert sorted(name[:4] for name in records) == [f"{number:04d}" for number in range(1, len(records) + 1)]


def test_the_changelog_has_a_place_for_what_is_new() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_names_the_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text()

    assert text.index("make demo") < text.index("make test") < text.index("docker compose")
