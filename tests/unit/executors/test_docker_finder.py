"""The finder on a thin daemon: what it asks for, how often, and what an address proves."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.errors import SettingsError, UnreachableError
from aetherlink.executors.docker_finding import Grounds
from aetherlink.executors.docker_found import target_of
from aetherlink.executors.docker_options import DockerExecutorOptions
from aetherlink.executors.finding import open_docker_finder
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import OutcomeStatus, StartedAfter
from aetherlink.model.findings import Finding
from aetherlink.model.ids import TargetName
from aetherlink.ports import TargetFinder
from rigs.bad_docker import Spoil, bad_docker
from rigs.docker_server import DockerServer, docker_server

DEADLINE = timedelta(seconds=30)
LONG_AGO = datetime(2026, 6, 1, tzinfo=UTC)
BY_NAME, BY_ADDRESS = {"name": "peakpro-crm-1"}, {"instance": "172.18.0.5:8000"}


@pytest.fixture
async def server() -> AsyncIterator[DockerServer]:
    """With one replica, which has an address."""
    async with docker_server() as made:
        made.containers.pop()
        made.containers[0].address = "172.18.0.5"
        yield made


def options(server: DockerServer) -> DockerExecutorOptions:
    return DockerExecutorOptions(host=f"unix://{server.socket}", projects=("peakpro",))


@pytest.fixture
async def finder(server: DockerServer) -> AsyncIterator[TargetFinder]:
    opened = open_docker_finder(f"unix://{server.socket}", Grounds(options(server)))
    yield opened.finder
    await opened.aclose()


async def test_what_is_found_can_be_acted_on_by_its_name_alone(server: DockerServer, finder: TargetFinder) -> None:
    found = await finder.find(BY_NAME, since=LONG_AGO, deadline=DEADLINE)
    assert found.target is not None
    opened = open_executors([], ExecutorOptions(docker=options(server)), clock=SystemClock())["docker"]
    target = target_of(found.target.name)
    assert target is not None

    outcome = await opened.executor.converge(target, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)

    await opened.aclose()
    assert outcome.status is OutcomeStatus.DONE
    assert server.changes == [("restart", "peakpro-crm-1")]


async def test_once_the_project_is_taken_back_nothing_is_done_to_what_was_found(server: DockerServer) -> None:
    bare = DockerExecutorOptions(host=f"unix://{server.socket}")
    opened = open_executors([], ExecutorOptions(docker=bare), clock=SystemClock())["docker"]
    target = target_of(TargetName("compose:peakpro.crm"))
    assert target is not None

    outcome = await opened.executor.converge(target, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)

    await opened.aclose()
    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "with the label aether.managed=true" in outcome.reason


async def test_a_storm_of_alerts_looks_at_one_list(server: DockerServer, finder: TargetFinder) -> None:
    found = await asyncio.gather(*(finder.find(BY_NAME, since=LONG_AGO, deadline=DEADLINE) for _ in range(100)))

    assert all(one.target is not None for one in found)
    assert len([url for _, url in server.asked if "/containers/json" in url]) == 1


async def test_an_address_that_the_container_had_before_the_alert_tells(finder: TargetFinder) -> None:
    found = await finder.find(BY_ADDRESS, since=LONG_AGO, deadline=DEADLINE)

    assert found.target is not None, found.words


@pytest.mark.parametrize(("labels", "is_found"), [(BY_ADDRESS, False), (BY_NAME, True), ({"instance": "crm:1"}, True)])
async def test_an_address_may_have_been_anothers_before_the_container_was_started(
    server: DockerServer, finder: TargetFinder, labels: dict[str, str], is_found: bool
) -> None:
    server.containers[0].start()

    found = await finder.find(labels, since=LONG_AGO, deadline=DEADLINE)

    assert (found.target is not None) is is_found
    assert is_found or "which was started after the alert began" in found.words


async def test_without_labels_that_speak_of_a_container_there_is_none(finder: TargetFinder) -> None:
    found = await finder.find({"service": "crm"}, since=LONG_AGO, deadline=DEADLINE)

    assert (found.target, found.is_named) == (None, False)


async def until_found(finder: TargetFinder) -> Finding:
    async with asyncio.timeout(30):
        while True:
            with suppress(UnreachableError):  # said once more for a moment, without asking
                return await finder.find(BY_NAME, since=LONG_AGO, deadline=DEADLINE)
            await asyncio.sleep(0.1)


async def test_a_daemon_that_hangs_is_told_in_time_and_asked_again_afterwards(server: DockerServer) -> None:
    async with bad_docker(server.socket) as socket:
        socket.spoil, socket.looks_too = Spoil.HANG, True
        opened = open_docker_finder(f"unix://{socket.socket}", Grounds(options(server)))
        with pytest.raises(UnreachableError):
            await opened.finder.find(BY_NAME, since=LONG_AGO, deadline=timedelta(seconds=1))
        socket.spoil = None

        found = await until_found(opened.finder)

        await opened.aclose()
    assert found.target is not None


async def test_without_the_sdk_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    for name in ("aetherlink.clients.docker", "aetherlink.executors.docker_finder"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # nobody may have asked for it yet

    with pytest.raises(SettingsError, match="pip install 'aetherlink"):
        open_docker_finder("unix:///run/x.sock", Grounds(DockerExecutorOptions()))
