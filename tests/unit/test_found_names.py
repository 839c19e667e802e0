"""What is declared is known by its declared name alone: floors, modes, cooldowns, brakes and pauses go by the name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aetherlink import outside, settings
from aetherlink.briefing import Briefing, Restraints
from aetherlink.clients.docker_containers import Listed
from aetherlink.commands import ActionRequest, Commands
from aetherlink.errors import NotFoundError, SettingsError
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.model.actions import Target
from aetherlink.model.decisions import Effect, Mode
from aetherlink.model.ids import SourceName, TargetName
from aetherlink.model.pauses import scope_problem
from aetherlink.policy.decide import decide
from aetherlink.settings import Settings
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, MemoryExecutor, fixed_key
from rigs.databases import empty_file

ANOTHER_NAME = {
    "compose:peakpro.crm": "crm-api",
    "container:peakpro-crm-1": "crm-api",
    "container:peakpro_crm_12": "crm-api",
    "container:redis_cache": "cache",
}
OF_ITS_OWN = [
    "compose:peakpro.crm2",
    "compose:blog.crm",
    "container:peakpro-crm-db",
    "container:peakpro-crm",
    "container:redis",
]
DOCKER: dict[str, Any] = {
    "docker": {"host": "unix:///run/x.sock", "projects": ["peakpro", "blog"]},
    "targets": {
        "crm-api": {"executor": "docker", "project": "peakpro", "service": "crm", "floor": 1},
        "cache": {"executor": "docker", "container": "redis_cache"},
    },
}


def of_docker(**more: Any) -> Settings:
    return Settings(**DOCKER, **more)


@pytest.mark.parametrize("name", ANOTHER_NAME)
def test_nothing_is_found_by_name_where_a_declared_target_is(name: str) -> None:
    known = {"target": outside.targets(of_docker())}

    assert name not in known["target"]
    assert f"it is target {ANOTHER_NAME[name]}, go by that name" in scope_problem(f"target:{name}", known)


@pytest.mark.parametrize("name", OF_ITS_OWN)
def test_what_nobody_declared_has_the_name_that_says_where_it_is(name: str) -> None:
    targets = outside.targets(of_docker())

    assert targets[TargetName(name)].name == name
    assert not scope_problem(f"target:{name}", {"target": targets})


@pytest.mark.parametrize("name", ANOTHER_NAME)
def test_a_window_is_for_the_declared_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / "aether.yaml"
    file.write_text(
        "targets: {crm-api: {executor: docker, project: peakpro, service: crm},"
        " cache: {executor: docker, container: redis_cache}}\n"
        f'freezes: [{{name: night, from: "22:00", to: "06:00", scope: "target:{name}"}}]\n'
    )

    with pytest.raises(SettingsError, match=f"freezes.*it is target {ANOTHER_NAME[name]}"):
        settings.load(file)


@pytest.mark.parametrize("name", ANOTHER_NAME)
async def test_the_executor_knows_what_is_declared_by_no_other_name(name: str) -> None:
    chosen = of_docker()
    options = ExecutorOptions(docker=chosen.docker, containers=chosen.docker_places)
    opened = open_executors([], options, clock=ManualClock())["docker"]

    with pytest.raises(NotFoundError, match=f"it is target {ANOTHER_NAME[name]}"):
        await opened.executor.observe(Target(TargetName(name), "docker", "crm"), deadline=outside._LOOK)
    await opened.aclose()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(empty_file(tmp_path / "aether.db"), key=fixed_key)
    opened.open()
    yield opened
    opened.close()


class _Nobody:
    def wake(self) -> None:
        """Nothing waits."""


@pytest.mark.parametrize("name", ANOTHER_NAME)
async def test_a_request_by_another_name_makes_no_plan(store: SqlStore, name: str) -> None:
    clock, targets = ManualClock(), outside.targets(of_docker())
    hands = MemoryExecutor(clock, [*targets, TargetName(name)])
    commands = Commands(
        store,
        decide,
        Briefing(targets, {"docker": hands}, ceiling=Mode.AUTO, restraints=Restraints(), clock=clock),
        clock=clock,
        ids=CountingIds(),
        waker=_Nobody(),
        actions={},
        source=SourceName("lab"),
        per_hour=6,
        is_vip=lambda _: False,
        count=lambda _: None,
    )

    asked = ActionRequest("restart", "by another name", service=name)
    action = await commands.request_action(asked, principal="local")

    assert action.decision.effect is Effect.DENY
    assert action.decision.rule == "target_is_declared"
    assert f"it is target {ANOTHER_NAME[name]}" in action.decision.reason


def test_what_finds_knows_the_agents_own_container_as_the_executor_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "own_container", lambda: "f" * 64)
    chosen = of_docker(
        sources=[{"name": "prod", "prometheus": "http://10.0.0.7:9090", "alertmanagers": ["http://b:1"]}]
    )

    own = outside.grounds(chosen).own_life

    place = DockerPlace(container="x")
    ids = {"own": "f" * 64, "another": "e" * 64}
    words = {which: own.word(place, [Listed(id_, ("x",), {})]) for which, id_ in ids.items()}
    assert words == {"own": "the container that the agent runs in", "another": None}
    assert own.word(place, [Listed("e" * 64, ("x",), {}, addresses=("10.0.0.7",))])
