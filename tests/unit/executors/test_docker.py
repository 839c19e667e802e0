"""The executor `docker`: who is a replica, who is wanted, what is asked of Docker, and what never is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from aetherlink.clients.docker import DockerDaemon
from aetherlink.clients.docker_events import DockerEvents, Happening
from aetherlink.errors import AnswerError, NotFoundError
from aetherlink.executors import docker_following
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_ends import Ends
from aetherlink.executors.docker_following import Following
from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.target_options import TargetOptions
from aetherlink.model.actions import Observation, Outcome, OutcomeStatus, Replicas, StartedAfter, Target, Wish
from aetherlink.model.ids import TargetName
from rigs.docker_server import DockerServer, FakeContainer, compose_labels, docker_server
from rigs.event_stream import HEAD, chunk, event_stream, line

CRM = Target(TargetName("crm-api"), executor="docker", service="crm", minimum=0, maximum=4)
SERVICE = DockerPlace(project="peakpro", service="crm")
DEADLINE = timedelta(seconds=10)
SHORT = timedelta(seconds=2)


@asynccontextmanager
async def hands_on(server: DockerServer, place: DockerPlace = SERVICE, grace: int = 1) -> AsyncIterator[DockerExecutor]:
    client = DockerDaemon(f"unix://{server.socket}")
    yield DockerExecutor(client, {CRM.name: place}, grace=timedelta(seconds=grace))
    await client.aclose()


@pytest.fixture
async def server() -> AsyncIterator[DockerServer]:
    """With one replica, number 1."""
    async with docker_server() as made:
        made.containers.pop()
        yield made


@pytest.fixture
def one(server: DockerServer) -> FakeContainer:
    return server.containers[0]


async def observed(server: DockerServer, place: DockerPlace = SERVICE) -> Observation:
    async with hands_on(server, place) as executor:
        return await executor.observe(CRM, deadline=DEADLINE)


async def converged(
    server: DockerServer, wish: Wish | None = None, deadline: timedelta = DEADLINE, grace: int = 1
) -> Outcome:
    async with hands_on(server, grace=grace) as executor:
        return await executor.converge(CRM, wish or StartedAfter(datetime.now(UTC)), deadline=deadline)


FORGOTTEN: Mapping[str, tuple[dict[str, Any], int]] = {
    "it ended well and nothing starts it again": ({"exit_code": 0}, 0),
    "by SIGTERM": ({"exit_code": 143}, 0),
    "by SIGKILL": ({"exit_code": 137}, 0),
    "by the kernel, for it took too much memory": ({"exit_code": 137, "is_out_of_memory": True}, 1),
    "with an error": ({"exit_code": 1}, 1),
    "with an error, and Docker would have started it again": ({"exit_code": 1, "policy": "always"}, 0),
    "the same, unless stopped": ({"exit_code": 1, "policy": "unless-stopped"}, 0),
    "Docker could not start it again": ({"exit_code": 128, "policy": "always", "error": "port is taken"}, 1),
    "with an error, and Docker has tried often enough": (
        {"exit_code": 1, "policy": "on-failure", "most_restarts": 3, "restarts": 3},
        1,
    ),
    "with an error, and Docker has not tried often enough": (
        {"exit_code": 1, "policy": "on-failure", "most_restarts": 3, "restarts": 1},
        0,
    ),
}


@pytest.mark.parametrize("case", FORGOTTEN)
async def test_where_docker_has_forgotten_the_end_the_container_tells_whether_it_is_wanted(
    server: DockerServer, one: FakeContainer, case: str
) -> None:
    state, wanted = FORGOTTEN[case]
    one.end(1)
    for name, value in state.items():
        setattr(one, name, value)

    assert (await observed(server)).wanted == wanted


@pytest.mark.parametrize(("events", "wanted"), [(("kill", "die", "stop"), 0), (("die",), 1), (("kill", "die"), 1)])
@pytest.mark.parametrize("code", [0, 1, 137])
async def test_what_docker_remembers_of_the_end_decides(
    server: DockerServer, one: FakeContainer, code: int, events: tuple[str, ...], wanted: int
) -> None:
    one.end(code, *events)

    assert (await observed(server)).wanted == wanted


async def test_a_stop_that_was_seen_is_known_after_docker_has_forgotten_it(
    server: DockerServer, one: FakeContainer
) -> None:
    one.end(1, "die", "stop")
    async with hands_on(server) as executor:
        first = await executor.observe(CRM, deadline=DEADLINE)
        one.events = []
        second = await executor.observe(CRM, deadline=DEADLINE)

    assert (first.wanted, second.wanted) == (0, 0)


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize(("events", "wanted"), [(("die",), 0), (("kill", "die"), 1), (("kill", "die", "stop"), 0)])
async def test_what_its_policy_would_have_started_again_was_stopped_unless_it_was_killed(
    server: DockerServer, one: FakeContainer, policy: str, events: tuple[str, ...], wanted: int
) -> None:
    """A stop between two starts of a crash loop is told of seconds after the end."""
    one.policy, one.is_out_of_memory = policy, True
    one.end(137, *events)

    assert (await observed(server)).wanted == wanted


@pytest.mark.parametrize(("heard", "wanted"), [(("kill", "die"), 1), (("kill", "die", "stop"), 0), ((), 0)])
async def test_what_was_heard_of_the_end_decides_when_docker_has_forgotten_it(
    server: DockerServer, one: FakeContainer, heard: tuple[str, ...], wanted: int
) -> None:
    one.end(137)
    ended, ends = one.finished_at, Ends()
    assert ended is not None
    happened = [Happening(one.id, action, ended) for action in heard]
    for each in happened:
        ends.hear(each)
    ends.followed_by(ends.open, happened)
    client = DockerDaemon(f"unix://{server.socket}")
    executor = DockerExecutor(client, {CRM.name: SERVICE}, grace=timedelta(seconds=1), ends=ends)
    seen = await executor.observe(CRM, deadline=DEADLINE)
    await client.aclose()

    assert seen.wanted == wanted
    assert any("/events" in url for _, url in server.asked) is not bool(heard)


async def test_a_stream_that_says_very_much_keeps_no_look_waiting(
    server: DockerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_following, "_BREATH", timedelta(milliseconds=10))
    told = line("die", "f" * 64, datetime.now(UTC)) * 300

    async def flooding(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(chunk(told))
            await writer.drain()

    async with event_stream() as bad, hands_on(server) as executor:
        bad.stream = flooding
        events = DockerEvents(f"unix://{bad.socket}")
        following = Following(events, Ends(), lambda _: None)
        following.start()
        while len(bad.followed) < 3:
            await executor.observe(CRM, deadline=DEADLINE)
        await following.stop()
        await events.aclose()


async def test_where_a_proxy_tells_no_events_the_container_tells(server: DockerServer, one: FakeContainer) -> None:
    server.tells_events = False
    one.end(1)

    assert (await observed(server)).wanted == 1


@pytest.mark.parametrize(("status", "wanted"), [("paused", 0), ("created", 0), ("restarting", 1), ("dead", 1)])
async def test_a_container_that_neither_runs_nor_has_ended_is_not_ready(
    server: DockerServer, one: FakeContainer, status: str, wanted: int
) -> None:
    one.status = status

    seen = await observed(server)

    assert (seen.ready, seen.wanted, seen.oldest_start) == (0, wanted, None)


@pytest.mark.parametrize(("health", "ready"), [("healthy", 1), ("starting", 0), ("unhealthy", 0), ("none", 1)])
async def test_its_own_check_says_whether_a_container_is_ready(
    server: DockerServer, one: FakeContainer, health: str, ready: int
) -> None:
    one.health = health

    assert (await observed(server)).ready == ready


async def test_a_command_that_runs_once_in_the_service_is_no_replica(server: DockerServer) -> None:
    server.add("peakpro-crm-run", {**compose_labels("crm", 1), "com.docker.compose.oneoff": "True"})

    assert (await observed(server)).wanted == 1


@pytest.mark.parametrize(
    ("labels", "is_found"),
    [({"aether.managed": "true"}, True), ({}, False), ({"aether.managed": "yes"}, False)],
)
async def test_a_container_by_its_name_has_to_be_given_to_the_agent(
    server: DockerServer, labels: dict[str, str], is_found: bool
) -> None:
    server.add("cache", labels)
    server.add("cache-2", {"aether.managed": "true"})

    if is_found:
        assert (await observed(server, DockerPlace(container="cache"))).wanted == 1
    else:
        with pytest.raises(NotFoundError, match=r"no container cache with the label aether\.managed=true"):
            await observed(server, DockerPlace(container="cache"))


async def test_failed_replicas_come_first_and_those_that_are_ready_are_spared_when_they_stay_so(
    server: DockerServer, one: FakeContainer
) -> None:
    ill = server.add("peakpro-crm-2", compose_labels("crm", 2), health="unhealthy")

    outcome = await converged(server, deadline=SHORT, grace=0)

    assert outcome.status is OutcomeStatus.FAILED
    assert server.changes == [("restart", ill.name)]
    assert one.started_at == datetime(2026, 1, 1, tzinfo=UTC)


async def test_fewer_replicas_means_that_the_highest_numbers_go(server: DockerServer) -> None:
    for number in (2, 10):
        server.add(f"peakpro-crm-{number}", compose_labels("crm", number))

    outcome = await converged(server, Replicas(1))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert server.changes == [("stop", "peakpro-crm-10"), ("stop", "peakpro-crm-2")]


async def test_a_number_that_includes_a_failed_replica_starts_that(server: DockerServer, one: FakeContainer) -> None:
    one.end(1, "die")

    outcome = await converged(server, Replicas(1))

    assert (outcome.status, server.changes) == (OutcomeStatus.DONE, [("start", one.name)])


async def test_a_grace_that_does_not_fit_into_the_deadline_is_not_begun(
    server: DockerServer, one: FakeContainer
) -> None:
    one.stop_timeout = 300

    outcome = await converged(server)

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "nothing was sent: peakpro-crm-1 may take 300 s to end" in outcome.reason


@pytest.mark.parametrize(
    ("theirs", "least", "spoken"), [("1.41", "1.12", "v1.41"), ("1.52", "1.44", "v1.45"), ("1.30", "1.12", "v1.30")]
)
async def test_the_newest_version_is_spoken_that_both_sides_know(
    server: DockerServer, theirs: str, least: str, spoken: str
) -> None:
    server.api_version, server.min_api_version = theirs, least

    await observed(server)

    asked = {url.split("/")[1] for _, url in server.asked}
    assert asked == {"version", spoken, "aether"}  # the proxy's own verbs have no version of Docker's


async def test_a_daemon_that_is_too_new_is_told(server: DockerServer) -> None:
    server.api_version, server.min_api_version = "2.0", "1.90"

    with pytest.raises(AnswerError, match=r"Docker speaks API 1\.90 to 2\.0, and this agent 1\.\d+ at most"):
        await observed(server)


NONSENSE: Mapping[str, Any] = {
    "a list": [],
    "nothing": None,
    "another container": {"Id": "f" * 64},
    "words": "running",
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_an_answer_that_makes_no_sense_is_an_error(server: DockerServer, one: FakeContainer, what: str) -> None:
    answer = NONSENSE[what]
    if isinstance(answer, dict):
        answer = one.inspected | answer
    server.told[f"containers/{one.id}/json"] = (200, answer)

    with pytest.raises(AnswerError):
        await observed(server)


async def test_a_proxy_at_an_address_is_asked_directly_whatever_the_environment_says(
    server: DockerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    async with await asyncio.start_server(server._accept, "127.0.0.1", 0) as proxy:
        client = DockerDaemon(f"tcp://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        executor = DockerExecutor(client, {CRM.name: SERVICE}, grace=timedelta(seconds=1))
        outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)
        await client.aclose()

    assert (outcome.status, server.changes) == (OutcomeStatus.DONE, [("restart", "peakpro-crm-1")])


async def test_where_nobody_listens_nothing_was_sent() -> None:
    client = DockerDaemon("unix:///nowhere/docker.sock")
    executor = DockerExecutor(client, {CRM.name: SERVICE}, grace=timedelta(seconds=1))

    outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=DEADLINE)
    await client.aclose()

    assert outcome.status is OutcomeStatus.FAILED
    assert "so nothing was sent: Docker at unix:///nowhere/docker.sock could not be connected to" in outcome.reason


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "nowhere": ({"executor": "docker"}, "needs `project` and `service`, or `container`"),
    "no project": ({"executor": "docker", "service": "crm"}, "needs `project` and `service`, or `container`"),
    "both": ({"executor": "docker", "project": "a", "service": "b", "container": "c"}, "goes without `project`"),
    "of another": ({"executor": "lab", "service": "crm", "project": "a"}, "are for the executor `docker`"),
    "no service": ({"executor": "lab"}, "service: it is missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_target_whose_place_is_unclear_is_refused(case: str) -> None:
    given, words = WRONG[case]

    with pytest.raises(ValidationError, match=words):
        TargetOptions.model_validate(given)


def test_a_container_gives_its_target_the_name_of_a_service() -> None:
    declared = TargetOptions.model_validate({"executor": "docker", "container": "crm_1"}).declared_as("crm-api")

    assert (declared.service, declared.place) == ("crm_1", "container crm_1")


@pytest.mark.parametrize(
    "host",
    [
        *("/var/run/docker.sock", "unix://docker.sock", "unix:///" + "x" * 200, "http://proxy:2375", "ssh://a@b"),
        *("tcp://user:secret@proxy:2375", "tcp://proxy:2375/v1", "tcp://", "npipe:////./pipe/docker"),
    ],
)
def test_a_host_that_is_neither_a_socket_nor_a_plain_address_is_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        DockerExecutorOptions(host=host)


REPLICA = "peakpro-crm-1"


@pytest.mark.parametrize("place", [DockerPlace(container=REPLICA, is_found=True), replace(SERVICE, is_found=True)])
async def test_a_found_place_that_is_more_or_less_than_a_target_is_none(
    server: DockerServer, one: FakeContainer, place: DockerPlace
) -> None:
    """A replica by its own name, and a service of which one container is a target already."""
    one.name, one.labels = REPLICA, {**one.labels, "aether.managed": "true"}
    places = {"found": place, "crm-1": DockerPlace(container="" if place.container else REPLICA)}
    client = DockerDaemon(f"unix://{server.socket}")
    executor = DockerExecutor(client, places, grace=timedelta(seconds=1))

    with pytest.raises(NotFoundError, match=r"its target is compose:peakpro\.crm|is target crm-1, declare the service"):
        await executor.observe(replace(CRM, name=TargetName("found")), deadline=DEADLINE)
    await client.aclose()


async def test_what_only_its_image_calls_a_service_is_left_alone(server: DockerServer, one: FakeContainer) -> None:
    by_hand = {name: value for name, value in one.labels.items() if not name.endswith((".oneoff", ".container-number"))}
    server.containers.append(replace(one, id="9" * 64, name="silly_morse", labels=by_hand))

    assert (await converged(server)).status is OutcomeStatus.DONE
    assert server.changes == [("restart", one.name)]
