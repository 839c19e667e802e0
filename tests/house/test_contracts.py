"""Who may import whom: the contracts in pyproject.toml hold, and each of them can fail.

Breaking one is real: the packages are copied, one import is added to the copy, and import-linter runs over it.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

FORBIDDEN = {
    "a room that imports its sibling": ("layers", "aetherlink/health/__init__.py", "import aetherlink.intake"),
    "a lower layer that imports a higher one": ("layers", "aetherlink/model/alerts.py", "import aetherlink.ports"),
    "a package without a layer": ("layers", "aetherlink/newcomer/__init__.py", ""),
    "two modules that lean on each other": (
        "rooms-have-no-cycles",
        "aetherlink/model/ids.py",
        "import aetherlink.model.alerts",
    ),
    "hands in the wrong room": (
        "hands-are-for-executors",
        "aetherlink/health/__init__.py",
        "import aetherlink.clients.lab_control",
    ),
    "requests from the wrong room": (
        "hands-are-for-executors",
        "aetherlink/pipeline/__init__.py",
        "import aetherlink.clients.http_target",
    ),
    "containers from the wrong room": (
        "hands-are-for-executors",
        "aetherlink/pipeline/__init__.py",
        "import aetherlink.clients.docker",
    ),
    "Docker's SDK past its client": ("docker-has-one-client", "aetherlink/executors/__init__.py", "import docker"),
    "PagerDuty's SDK past its client": (
        "pagerduty-has-one-client",
        "aetherlink/outbox/__init__.py",
        "import pagerduty",
    ),
    "Apprise in the agent": ("apprise-runs-apart", "aetherlink/notifiers/__init__.py", "import apprise"),
    "Slack's SDK past its client": ("slack-has-one-client", "aetherlink/notifiers/__init__.py", "import slack_sdk"),
    "MCP's SDK past its module": ("mcp-has-one-place", "aetherlink/console/__init__.py", "import mcp"),
    "ID tokens past their reader": ("id-tokens-have-one-reader", "aetherlink/access/__init__.py", "import joserfc"),
    "a CRM that knows the agent": ("crm-stands-alone", "peakpro_crm/model.py", "import aetherlink.errors"),
    "an agent that knows the CRM": ("agent-stands-alone", "aetherlink/lab/errors.py", "import peakpro_crm.model"),
    "a word that needs a library": ("words-need-no-library", "aetherlink/model/alerts.py", "import pydantic"),
    "a decision that reads the clock": (
        "deciding-is-pure",
        "aetherlink/policy/rules.py",
        "import aetherlink.lib.clock",
    ),
    "SQL outside the store": ("sql-stays-in-the-store", "aetherlink/intake/__init__.py", "import sqlalchemy"),
    "a driver that has to be there": ("the-driver-is-optional", "aetherlink/store/postgres.py", "import psycopg"),
    "FastAPI behind the doors": ("the-web-stays-at-the-doors", "aetherlink/health/__init__.py", "import fastapi"),
    "HTTP past the clients": ("http-goes-out-through-clients", "aetherlink/executors/__init__.py", "import httpx"),
}


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", *arguments]
    environment = {"PYTHONPATH": f"{folder}/src:{folder}/pods/crm/src", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def house(root: Path, tmp_path: Path) -> Path:
    """A copy of the two packages and of the contracts."""
    for name in ("src/aetherlink", "pods/crm/src/peakpro_crm"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds(house: Path) -> None:
    done = lint(house, "--no-cache")

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("what", FORBIDDEN)
def test_import_linter_finds(house: Path, what: str) -> None:
    contract, file, line = FORBIDDEN[what]
    parent = house / ("src" if file.startswith("aetherlink") else "pods/crm/src")
    broken = parent / file
    broken.parent.mkdir(exist_ok=True)
    with broken.open("a") as text:
        text.write(f"\n{line}\n")

    done = lint(house, "--no-cache", "--contract", contract)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout or "newcomer" in done.stdout


def test_every_contract_is_broken_once_above(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text())

    contracts = settings["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _, _ in FORBIDDEN.values()}
