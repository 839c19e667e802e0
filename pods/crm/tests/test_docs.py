"""The README and the Dockerfile keep their word: every setting, route, metric and fault is documented."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from peakpro_crm.app import build
from peakpro_crm.faults import FaultName
from peakpro_crm.metrics import Metrics
from peakpro_crm.settings import CrmSettings, TrafficSettings

HERE = Path(__file__).parent.parent
README = (HERE / "README.md").read_text()
DOCKERFILE = (HERE / "Dockerfile").read_text()


@pytest.mark.parametrize("kind", [CrmSettings, TrafficSettings])
def test_every_setting_is_in_the_readme_and_nothing_else(kind: type[BaseSettings]) -> None:
    prefix = str(kind.model_config.get("env_prefix", ""))
    rows = re.findall(r"^\| `(CRM_[A-Z_]+)`", README, flags=re.MULTILINE)

    assert {row for row in rows if row.startswith("CRM_TRAFFIC_") == (kind is TrafficSettings)} == {
        f"{prefix}{name.upper()}" for name in kind.model_fields
    }


def test_every_route_is_in_the_readme() -> None:
    settings = CrmSettings.model_validate({"database_url": "postgresql+psycopg://crm@db/crm", "faults_enabled": True})
    paths: dict[str, dict[str, object]] = build(settings)._app.openapi()["paths"]  # type: ignore[attr-defined]  # an ASGIApp, by type

    routes = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]

    assert [route for route in routes if f"`{route}`" not in README] == []


def test_every_metric_is_in_the_readme() -> None:
    names = re.findall(r"^# TYPE (crm_\w+) ", Metrics(tenants=["a"], version="1").render().decode(), flags=re.MULTILINE)

    assert len(names) == 8
    assert [name for name in names if f"`{name}" not in README] == []


@pytest.mark.parametrize("name", FaultName)
def test_every_fault_is_in_the_readme(name: FaultName) -> None:
    assert f"| `{name}` |" in README


def test_the_image_builds_with_the_legacy_builder_from_hashes() -> None:
    assert next(line for line in DOCKERFILE.splitlines() if line[:1] != "#") == "ARG BASE_IMAGE=python:3.12-slim"
    assert not re.search(r"syntax=|--mount|<<", DOCKERFILE)
    assert '"--require-hashes", "--no-deps", "-r", "requirements.txt"' in DOCKERFILE


def test_the_image_runs_as_nobody_in_particular_and_is_probed_patiently() -> None:
    timeout = re.search(r"HEALTHCHECK .*--timeout=(\d+)s", DOCKERFILE)

    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", DOCKERFILE, flags=re.MULTILINE)
    assert timeout is not None
    assert int(timeout[1]) >= 3
