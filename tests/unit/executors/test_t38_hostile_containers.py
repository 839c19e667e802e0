"""T38: hostile names and labels of containers never lead a request to another path of Docker's API.

The witness is the daemon's side of the socket: every request line that reached it has one of the forms below.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from aetherlink.clients.docker import DockerDaemon
from aetherlink.errors import AetherError
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.executors.target_options import TargetOptions
from aetherlink.model.actions import OutcomeStatus, StartedAfter, Target
from aetherlink.model.ids import TargetName
from rigs.docker_server import DockerServer, compose_labels, docker_server
from rigs.hostile_values import ATTACKS

CRM = Target(TargetName("crm-api"), executor="docker", service="crm")
DEADLINE = timedelta(seconds=10)
HOSTILE = (*ATTACKS, "../" * 5 + "volumes", "a/json?all=1#", "crm/../../containers/prune", "/", "x" * 300)
ID = "[0-9a-f]{64}"
QUERY = r"[A-Za-z0-9_.~%&=+-]*"
ALLOWED = re.compile(
    rf"GET (/version|/v1\.\d+/containers/json\?{QUERY}|/v1\.\d+/containers/{ID}/json|/v1\.\d+/events\?{QUERY}"
    rf"|/aether/v1/containers/{ID}/releases)"
    rf"|POST /v1\.\d+/containers/{ID}/(start|(stop|restart)\?t=\d+)"
)


@asynccontextmanager
async def hands_on(server: DockerServer, place: DockerPlace) -> AsyncIterator[DockerExecutor]:
    client = DockerDaemon(f"unix://{server.socket}")
    yield DockerExecutor(client, {CRM.name: place}, grace=timedelta(seconds=1))
    await client.aclose()


def astray(server: DockerServer) -> list[str]:
    return [line for method, url in server.asked if not ALLOWED.fullmatch(line := f"{method} {url}")]


@pytest.mark.parametrize("field", ["project", "service", "container"])
def test_t38_no_name_can_be_declared_but_for_plain_words(field: str) -> None:
    well = {"container": "crm"} if field == "container" else {"project": "peakpro", "service": "crm"}
    taken = []
    for value in HOSTILE:
        try:
            TargetOptions.model_validate({"executor": "docker", **well, field: value})
        except ValidationError:
            continue
        taken.append(value)

    assert taken == [value for value in HOSTILE if value.isalnum() and value.isascii() and len(value) < 64]


async def test_t38_a_hostile_name_that_came_past_the_settings_stays_a_filter() -> None:
    async with docker_server() as server:
        for value in HOSTILE:
            for place in (DockerPlace(container=value), DockerPlace(project=value, service=value)):
                async with hands_on(server, place) as executor:
                    outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)
                assert outcome.status is OutcomeStatus.FAILED

    assert server.asked
    assert (astray(server), server.changes) == ([], [])


async def test_t38_a_hostile_container_is_acted_on_by_its_id_alone() -> None:
    async with docker_server() as server:
        for number, value in enumerate(HOSTILE, start=3):
            labels = {**compose_labels("crm", number), "com.docker.compose.container-number": value, value: value}
            server.add(value, labels)
        async with hands_on(server, DockerPlace(project="peakpro", service="crm")) as executor:
            outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=timedelta(seconds=60))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert len(server.changes) == 1 + len(HOSTILE)
    assert astray(server) == []


async def test_t38_an_id_that_is_none_is_never_asked_for() -> None:
    async with docker_server() as server:
        for value in HOSTILE:
            row = {"Id": value, "Names": ["/crm"], "Labels": compose_labels("crm", 1)}
            server.told["containers/json"] = (200, [row])
            async with hands_on(server, DockerPlace(project="peakpro", service="crm")) as executor:
                with pytest.raises(AetherError, match="no id"):
                    await executor.observe(CRM, deadline=DEADLINE)

    assert astray(server) == []
    assert {url.partition("?")[0] for _, url in server.asked} == {"/version", "/v1.41/containers/json"}


async def test_t38_what_the_daemon_lists_for_another_service_is_not_touched() -> None:
    async with docker_server() as server:
        other = server.add("peakpro-db-1", compose_labels("db", 1))
        row = {"Id": other.id, "Names": ["/peakpro-crm-1"], "Labels": compose_labels("crm", 1)}
        server.told["containers/json"] = (200, [row])
        async with hands_on(server, DockerPlace(project="peakpro", service="crm")) as executor:
            outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
