"""T38: hostile labels of an alert, and hostile names of containers that they name, choose nothing and reach no path.

The witness is the daemon's side of the socket: whatever the labels hold, the same two requests arrive there.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aetherlink.executors.docker_finding import Grounds
from aetherlink.executors.docker_options import DockerExecutorOptions
from aetherlink.executors.finding import open_docker_finder
from aetherlink.ports import TargetFinder
from rigs.docker_server import DockerServer, docker_server
from rigs.hostile_values import ATTACKS

LABELS = (
    *("id", "container_id", "name", "container_name", "container", "compose_service", "compose_project"),
    *("container_label_com_docker_compose_service", "container_label_x", "target", "instance"),
)
HOSTILE = (*ATTACKS, "http://169.254.169.254/latest", "unix:///var/run/docker.sock", "//[::1", "a" * 64)
LIST = ("GET", "/v1.41/containers/json?limit=-1&all=1&size=0&trunc_cmd=0")
DEADLINE = timedelta(seconds=30)


@pytest.fixture
async def server() -> AsyncIterator[DockerServer]:
    async with docker_server() as made:
        yield made


@pytest.fixture
async def finder(server: DockerServer) -> AsyncIterator[TargetFinder]:
    host = f"unix://{server.socket}"
    opened = open_docker_finder(host, Grounds(DockerExecutorOptions(host=host, projects=("peakpro",))))
    yield opened.finder
    await opened.aclose()


async def test_t38_whatever_a_label_holds_nothing_is_chosen_and_the_same_is_asked(
    server: DockerServer, finder: TargetFinder
) -> None:
    tried = 0
    for label in LABELS:
        for value in HOSTILE:
            found = await finder.find({"alertname": "Down", label: value}, since=None, deadline=DEADLINE)
            assert found.target is None, (label, value)
            assert found.words.isprintable()
            tried += 1

    assert tried > 500
    assert {request for request in server.asked if request[1] != "/version"} == {LIST}


async def test_t38_a_container_with_a_hostile_name_is_no_target(server: DockerServer, finder: TargetFinder) -> None:
    for value in HOSTILE:
        server.add(value, {"aether.managed": "true"})
        labels = {"com.docker.compose.project": "peakpro", "com.docker.compose.service": value}
        server.add("x", {**labels, "com.docker.compose.oneoff": "False", "aether.managed": "true"})

    for value in HOSTILE:
        for labels in ({"name": value}, {"compose_project": "peakpro", "compose_service": value}):
            found = await finder.find(labels, since=None, deadline=DEADLINE)
            is_plain = value.isalnum() and value.isascii() and len(value) < 127
            assert (found.target is None) or is_plain, value

    assert {request for request in server.asked if request[1] != "/version"} == {LIST}
