"""What people install: the wheel holds all data files that the code reads, the licence, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


def build(project: Path, folder: Path) -> set[str]:
    """The names inside the wheel that hatchling makes of the project; nothing is downloaded."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def agent(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return build(root, tmp_path_factory.mktemp("agent"))


@pytest.fixture(scope="module")
def crm(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return build(root / "pods/crm", tmp_path_factory.mktemp("crm"))


def files_below(folder: Path) -> set[str]:
    """Every file of a package as a wheel names it."""
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_agents_wheel_holds_the_whole_package(root: Path, agent: set[str]) -> None:
    expected = files_below(root / "src/aetherlink")

    assert expected - agent == set()
    assert any(name.startswith("aetherlink/playbooks/builtin/") and name.endswith(".yaml") for name in agent)
    assert any(name.startswith("aetherlink/store/migrations/versions/") for name in agent)
    assert any(name.endswith("swagger-ui-bundle.js") for name in agent)


def test_the_crms_wheel_holds_the_whole_package(root: Path, crm: set[str]) -> None:
    expected = files_below(root / "pods/crm/src/peakpro_crm")

    assert expected - crm == set()
    assert any(name.startswith("peakpro_crm/migrations/versions/") for name in crm)
    assert {
        "peakpro_crm/api/assets/swagger-ui/swagger-ui-bundle.js",
        "peakpro_crm/api/assets/swagger-ui/LICENSE",
    } <= crm


def test_the_agents_wheel_carries_the_licence_and_no_tests(agent: set[str]) -> None:
    outside = {name for name in agent if not name.startswith("aetherlink/")}

    assert all(".dist-info/" in name for name in outside)
    assert any(name.endswith("licenses/LICENSE") for name in outside)
    assert not any("test" in Path(name).parts[0] for name in agent)
    assert not any(name.startswith("peakpro_crm") for name in agent)


def test_the_licence_is_apache_2(root: Path) -> None:
    text = (root / "LICENSE").read_text()

    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
