"""Targets from an alert's labels on a real daemon: what Docker really lists, and who is restarted.

The witness is the daemon's event stream and StartedAt, read by Docker's command line.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.errors import NotFoundError
from aetherlink.executors.docker_finding import Grounds
from aetherlink.executors.docker_found import target_of
from aetherlink.executors.docker_options import DockerExecutorOptions
from aetherlink.executors.finding import open_docker_finder
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Observation, Outcome, OutcomeStatus, StartedAfter
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.ports import TargetFinder
from rigs.containers import Container, docker
from rigs.docker_stack import SERVES, Stack, name_of, started_at

pytestmark = pytest.mark.docker

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
DEADLINE = timedelta(seconds=40)
OPTIONS = DockerExecutorOptions(host=SOCKET, grace=timedelta(seconds=2))


def replica(stack: Stack, service: str, *options: str) -> Container:
    labels = {
        "com.docker.compose.project": stack.project,
        "com.docker.compose.service": service,
        "com.docker.compose.oneoff": "False",
    }
    told = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    return stack.made.start(stack.image, "python3", "-c", SERVES, options=("--no-healthcheck", *told, *options))


@pytest.fixture
def crm(stack: Stack) -> Container:
    """In a network, so that it has an address."""
    return replica(stack, "crm")


@pytest.fixture
def db(stack: Stack) -> Iterator[Container]:
    """Another service of the project, which nothing may happen to."""
    made = replica(stack, "db", "--network", "none")
    began = started_at(made)
    yield made
    assert started_at(made) == began


def by_cadvisor(container: Container) -> dict[str, str]:
    """The labels that cAdvisor gives its series of the container."""
    labels = docker("inspect", "--format", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}\n{{end}}", container.id)
    pairs = [line.partition("=") for line in labels.splitlines() if line.startswith("com.docker")]
    told = {f"container_label_{key.replace('.', '_').replace('-', '_')}": value for key, _, value in pairs}
    own = {"id": f"/docker/{container.id}", "name": name_of(container), "image": "x", "instance": "cadvisor:8080"}
    return {**own, **told}


def by_address(container: Container) -> dict[str, str]:
    address = docker("inspect", "--format", "{{.NetworkSettings.Networks.bridge.IPAddress}}", container.id)
    return {"instance": f"{address}:8000", "job": "crm"}


@asynccontextmanager
async def finding_with(options: DockerExecutorOptions) -> AsyncIterator[TargetFinder]:
    opened = open_docker_finder(SOCKET, Grounds(options))
    yield opened.finder
    await opened.aclose()


async def found(labels: dict[str, str], options: DockerExecutorOptions = OPTIONS) -> Finding:
    async with finding_with(options) as finder:
        return await finder.find(labels, since=datetime.now(UTC), deadline=DEADLINE)


async def restarted(name: TargetName, options: DockerExecutorOptions) -> tuple[Outcome, Observation]:
    """What came of it, and how the target was before."""
    opened = open_executors([], ExecutorOptions(docker=options), clock=SystemClock())["docker"]
    target = target_of(name)
    assert target is not None
    try:
        seen = await opened.executor.observe(target, deadline=DEADLINE)
        return await opened.executor.converge(target, StartedAfter(datetime.now(UTC)), deadline=DEADLINE), seen
    finally:
        await opened.aclose()


@pytest.mark.parametrize("labels_of", [by_cadvisor, by_address])
async def test_the_container_that_an_alert_names_is_the_one_that_is_restarted(
    stack: Stack, crm: Container, db: Container, labels_of: Callable[[Container], dict[str, str]]
) -> None:
    given, before = OPTIONS.model_copy(update={"projects": (stack.project,)}), started_at(crm)

    finding = await found(labels_of(crm), given)
    assert finding.target is not None, finding.words
    outcome, seen = await restarted(finding.target.name, given)

    assert finding.target.name == f"compose:{stack.project}.crm"
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert seen.identity == crm.id[:12]
    assert started_at(crm) > before


async def test_what_nobody_has_given_is_neither_found_nor_acted_on(stack: Stack, crm: Container) -> None:
    before = started_at(crm)

    finding = await found(by_cadvisor(crm))
    with pytest.raises(NotFoundError, match=r"with the label aether\.managed=true"):
        await restarted(TargetName(f"compose:{stack.project}.crm"), OPTIONS)

    assert finding.target is None
    assert f"set docker.projects: [{stack.project}]" in finding.words
    assert started_at(crm) == before


async def test_a_container_that_was_made_anew_is_not_the_one_of_the_alert(stack: Stack) -> None:
    once = replica(stack, "crm", "--label", "aether.managed=true", "--network", "none")
    labels, name = by_cadvisor(once), name_of(once)
    assert (await found(labels)).target is not None
    docker("rm", "--force", once.id)
    anew = replica(stack, "crm", "--label", "aether.managed=true", "--network", "none")
    docker("rename", anew.id, name)

    finding = await found(labels)

    assert finding.target is None
    assert f"is gone: {name} was made anew since" in finding.words


async def test_a_container_of_no_project_is_found_by_its_label(stack: Stack) -> None:
    cache = stack.alone("--no-healthcheck", labels={"aether.managed": "true"})

    finding = await found({"name": name_of(cache)})

    assert finding.target is not None, finding.words
    assert finding.target.name == f"container:{name_of(cache)}"
