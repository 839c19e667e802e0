"""The whole stack on real processes: PostgreSQL, Prometheus, Alertmanager, the CRM with traffic, the agent."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from aetherlink.lab import database_folder
from aetherlink.lab.drills.watch import Ask
from aetherlink.lab.options import LabOptions, LabPorts
from aetherlink.lab.supervisor import Lab

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def lab_options(tmp_path: Path) -> Iterator[Callable[..., LabOptions]]:
    """Options of a lab in a temporary folder, on free ports; what it stores goes with the test."""

    def options(**more: object) -> LabOptions:
        ports = LabPorts(crm=0, prometheus=0, alertmanager=0, agent=0)
        return LabOptions.model_validate({"dir": tmp_path / "lab", "project_dir": PROJECT, "ports": ports, **more})

    yield options
    shutil.rmtree(tmp_path / "lab", ignore_errors=True)
    database_folder.sweep()


@pytest.fixture
def ask_of() -> Callable[[Lab], Ask]:
    """GET from the lab's agent."""

    def of(lab: Lab) -> Ask:
        async def ask(path: str) -> Mapping[str, Any]:
            async with httpx.AsyncClient(base_url=lab.urls["agent"], timeout=5) as client:
                answer = await client.get(path)
                answer.raise_for_status()
                found: Mapping[str, Any] = answer.json()
                return found

        return ask

    return of
