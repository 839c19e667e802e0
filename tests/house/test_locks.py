"""The locks pin what pyproject asks for, with hashes, name no index, and agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = [
    "requirements/agent.txt",
    "requirements/lab.txt",
    "requirements/dev.txt",
    "requirements/build.txt",
    "pods/crm/requirements.txt",
]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)", re.MULTILINE)

OPTIONAL = ("apprise", "docker", "mcp", "oidc", "pagerduty", "postgres", "slack")
WANTED = {
    "requirements/agent.txt": [("pyproject.toml", OPTIONAL)],
    "requirements/lab.txt": [("pyproject.toml", ("lab",)), ("pods/crm/pyproject.toml", ())],
    "requirements/dev.txt": [("pyproject.toml", (*OPTIONAL, "lab", "dev")), ("pods/crm/pyproject.toml", ())],
    "pods/crm/requirements.txt": [("pods/crm/pyproject.toml", ())],
}


def pins(path: Path) -> dict[str, str]:
    return {canonicalize_name(match["name"]): match["version"] for match in PIN.finditer(path.read_text())}


def asked_for(path: Path, extras: tuple[str, ...]) -> list[Requirement]:
    project = tomllib.loads(path.read_text())["project"]
    lines = project.get("dependencies", []) + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    return [requirement for line in lines if (requirement := Requirement(line)).name != "aetherlink"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_address(root, lock: str) -> None:
    text = (root / lock).read_text()

    assert not re.search(r"https?://|file://|--(extra-)?index-url|--find-links| @ ", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_carries_hashes(root, lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (root / lock).read_text().strip())

    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert len(blocks) > 5


@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_satisfies_what_the_projects_ask_for(root, lock: str) -> None:
    locked = pins(root / lock)
    asked = [requirement for path, extras in WANTED[lock] for requirement in asked_for(root / path, extras)]
    unmet = [
        str(requirement)
        for requirement in asked
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]

    assert unmet == []
    assert asked


@pytest.mark.parametrize("lock", ["requirements/agent.txt", "requirements/lab.txt", "pods/crm/requirements.txt"])
def test_the_locks_pin_the_same_versions(root, lock: str) -> None:
    """So that a demo, the images and the tests run the same code."""
    everything = pins(root / "requirements/dev.txt")

    assert {name: version for name, version in pins(root / lock).items() if everything.get(name) != version} == {}


def test_a_demo_installs_no_test_tools(root) -> None:
    assert not {"pytest", "mypy", "ruff", "playwright"} & set(pins(root / "requirements/lab.txt"))
