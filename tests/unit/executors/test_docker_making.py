"""The executor `docker` and what the socket proxy makes for it; limits; and by which names a target goes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.clients.docker import DockerDaemon
from aetherlink.errors import AnswerError
from aetherlink.executors import docker
from aetherlink.executors.docker import DockerExecutor
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import CPU, Limits, Observation, Outcome, OutcomeStatus, Release, Replicas, Target, Wish
from aetherlink.model.ids import TargetName
from aetherlink.policy.protection import life_in, own_names
from rigs.docker_server import NEW, OLD, DockerServer, FakeContainer, compose_labels, docker_server

MIB = 2**20
CRM = Target(TargetName("crm-api"), "docker", "crm", minimum=0, maximum=4, most=Limits(512 * MIB, 2 * CPU))
SERVICE = DockerPlace(project="peakpro", service="crm")
DEADLINE, SHORT = timedelta(seconds=10), timedelta(seconds=2)


@pytest.fixture
async def server() -> AsyncIterator[DockerServer]:
    """The socket proxy, with one replica of the newer image, number 1."""
    async with docker_server() as made:
        made.containers.pop()
        made.containers[0].image = NEW
        made.images = [OLD, NEW]
        yield made


@pytest.fixture
def one(server: DockerServer) -> FakeContainer:
    return server.containers[0]


@pytest.fixture
async def hands(server: DockerServer) -> AsyncIterator[DockerExecutor]:
    client = DockerDaemon(f"unix://{server.socket}")
    yield DockerExecutor(client, {CRM.name: SERVICE}, grace=timedelta(seconds=0))
    await client.aclose()


async def observed(hands: DockerExecutor) -> Observation:
    return await hands.observe(CRM, deadline=DEADLINE)


async def converged(hands: DockerExecutor, wish: Wish, deadline: timedelta = DEADLINE) -> Outcome:
    return await hands.converge(CRM, wish, deadline=deadline)


async def test_a_daemon_without_the_proxy_brings_no_release_and_no_replica(
    server: DockerServer, hands: DockerExecutor
) -> None:
    server.images = None

    seen = await observed(hands)

    assert (seen.release, seen.previous_release, seen.most_replicas) == (NEW, "", 1)
    assert seen.no_release == seen.no_more
    assert (
        "needs `aether socket-proxy` at docker.host, with its leave: Docker answered 404: page not found"
        in seen.no_more
    )


@pytest.mark.parametrize(("status", "is_a_no"), [(403, True), (404, True), (400, True), (500, False), (502, False)])
async def test_only_a_clear_no_counts_as_one(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer, status: int, is_a_no: bool
) -> None:
    server.told[f"containers/{one.id}/releases"] = (status, {"message": "aether socket-proxy: it is not opted in"})

    if is_a_no:
        seen = await observed(hands)
        assert "it is not opted in" in seen.no_release
        assert bool(seen.no_change) is (status == 403)
    else:
        with pytest.raises(AnswerError):
            await observed(hands)


@pytest.mark.parametrize("answer", [{"Before": "alpine", "MaxReplicas": 3}, {"Before": None}, [], {"MaxReplicas": 3}])
async def test_an_answer_of_another_form_is_none(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer, answer: object
) -> None:
    server.told[f"containers/{one.id}/releases"] = (200, answer)

    with pytest.raises(AnswerError):
        await observed(hands)


async def test_while_one_takes_the_place_of_another_nobody_has_stopped_it(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer
) -> None:
    one.end(0, "die", "stop")
    labels = {**compose_labels("crm", 1), "aether.replaces": one.id}
    successor = server.add("peakpro-crm-1-aether-next", labels, status="created", started_at=None, image=OLD)
    between = await observed(hands)
    successor.start()
    after = await observed(hands)

    assert (between.ready, between.wanted, between.release) == (0, 1, NEW)
    assert (after.ready, after.wanted, after.release) == (1, 1, OLD)


async def test_what_was_replaced_once_is_a_container_like_any_other(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer
) -> None:
    one.labels["aether.replaces"] = "f" * 64
    one.end(0, "die", "stop")

    assert (await observed(hands)).wanted == 0


async def test_those_that_rest_get_the_release_too_and_go_on_resting(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer
) -> None:
    resting = server.add("peakpro-crm-2", compose_labels("crm", 2), image=NEW)
    resting.end(0, "die", "stop")

    outcome = await converged(hands, Release(OLD))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert server.changes == [("replace", one.name), ("replace", resting.name)]
    assert [(made.image, made.status) for made in server.containers] == [(OLD, "running"), (OLD, "created")]


async def test_one_that_had_failed_is_started_after_its_rollback(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer
) -> None:
    one.end(1, "die")

    outcome = await converged(hands, Release(OLD))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert server.changes == [("replace", one.name), ("start", one.name)]


@pytest.mark.parametrize("status", ["paused", "dead", "removing"])
async def test_what_cannot_be_made_anew_is_left_alone(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer, status: str
) -> None:
    one.status = status

    outcomes = [await converged(hands, wish) for wish in (Release(OLD), Replicas(3))]

    assert outcomes[0].reason.startswith("nothing was sent: it cannot be made anew as it is")
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.FAILED] * 2
    assert ("replace", one.name) not in server.changes


async def test_an_image_that_never_ran_is_the_proxys_no_and_nothing_has_happened(
    server: DockerServer, hands: DockerExecutor
) -> None:
    outcome = await converged(hands, Release("sha256:" + "3" * 64))

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "is not known to have run" in outcome.reason


async def test_new_replicas_are_made_after_those_that_rest_have_started(
    server: DockerServer, hands: DockerExecutor
) -> None:
    server.add("peakpro-crm-2", compose_labels("crm", 2), image=NEW).end(0, "die", "stop")

    outcome = await converged(hands, Replicas(4))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert server.changes == [
        ("start", "peakpro-crm-2"),
        ("replicas", "peakpro-crm-3"),
        ("replicas", "peakpro-crm-4"),
    ]


async def test_more_than_the_proxy_makes_is_not_begun(server: DockerServer, hands: DockerExecutor) -> None:
    server.most_replicas = 2

    outcome = await converged(hands, Replicas(3))

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "3 replicas are wished, and 2 can be had" in outcome.reason


async def test_a_raised_memory_leaves_the_swap_as_large_as_it_was(
    hands: DockerExecutor, server: DockerServer, one: FakeContainer
) -> None:
    outcome = await converged(hands, Limits(memory=192 * MIB))

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert (one.memory, one.swap - one.memory, one.nano_cpus) == (192 * MIB, 128 * MIB, CPU)
    assert server.changes == [("update", one.name)]


@pytest.mark.parametrize("swap", [-1, 0])
async def test_swap_without_a_limit_gets_none(hands: DockerExecutor, one: FakeContainer, swap: int) -> None:
    one.swap = swap

    await converged(hands, Limits(memory=192 * MIB))

    assert one.swap == swap


@pytest.mark.parametrize("change", [{"memory": 0}, {"memory": 0, "nano_cpus": 0}])
async def test_what_has_no_limit_is_given_none(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer, change: dict[str, int]
) -> None:
    for name, value in change.items():
        setattr(one, name, value)

    outcome = await converged(hands, Limits(192 * MIB, 2 * CPU))

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "has no limit now" in outcome.reason


async def test_limits_are_changed_while_it_is_not_ready(hands: DockerExecutor, one: FakeContainer) -> None:
    one.health = "unhealthy"

    assert (await converged(hands, Limits(192 * MIB))).status is OutcomeStatus.DONE


async def test_a_target_goes_by_every_name_that_docker_has_for_it(
    server: DockerServer, hands: DockerExecutor, one: FakeContainer
) -> None:
    one.aliases = ("metrics-db",)
    one.labels["org.opencontainers.image.title"] = "Prometheus"

    seen = await observed(hands)

    assert {"peakpro-crm-1", "crm", "metrics-db", "172.20.0.5", "Prometheus"} <= {*seen.aliases}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, None),
        ({"image_name": "quay.io/prometheus/prometheus:v2.53.1"}, "prometheus"),
        ({"image_name": "prom/alertmanager@sha256:" + "a" * 64}, "alertmanager"),
        ({"image_name": "quay.io/prometheus/node-exporter:v1"}, None),
        ({"name": "shop-prometheus-1"}, "prometheus"),
        ({"hostname": "prometheus"}, "prometheus"),
        ({"hostname": "prometheus", "network": "host"}, None),  # that is the machine's
        ({"aliases": ("metrics",)}, "metrics"),
        ({"aliases": ("ledger",)}, "ledger"),
        ({"labels": {**compose_labels("crm", 1), "org.opencontainers.image.title": "Alertmanager"}}, "alertmanager"),
    ],
)
async def test_what_the_agent_lives_on_is_told_by_what_docker_says(
    hands: DockerExecutor, one: FakeContainer, change: dict[str, object], told: str | None
) -> None:
    names = own_names(
        prometheus=["http://metrics:9090"],
        alertmanagers=(),
        database_url="postgresql://a@ledger/aether",
        protected=(),
        docker_host="tcp://gate:2375",
    )
    for name, value in change.items():
        setattr(one, name, value)

    assert life_in(await observed(hands), names) == told


@pytest.mark.parametrize("host", ["172.20.0.5", "172.20.0.50"])
async def test_what_the_agent_asks_by_an_address_is_told_by_that(hands: DockerExecutor, host: str) -> None:
    names = own_names(prometheus=[f"http://{host}:9090"], alertmanagers=(), database_url=None, protected=())

    assert life_in(await observed(hands), names) == ("172-20-0-5" if host == "172.20.0.5" else None)


async def test_of_two_images_that_run_neither_is_the_one_before(server: DockerServer, hands: DockerExecutor) -> None:
    """As after a rollback that came half way: what is to come after that is for a person."""
    server.add("peakpro-crm-2", compose_labels("crm", 2), image=OLD)

    seen = await observed(hands)
    outcome = await converged(hands, Release(OLD))

    assert (seen.release, seen.previous_release, seen.no_release) == ("", "", "")
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert server.changes == [("replace", "peakpro-crm-1")]


async def test_a_container_by_its_name_is_one(server: DockerServer) -> None:
    server.add("cache", {"aether.managed": "true"})
    client = DockerDaemon(f"unix://{server.socket}")
    hands = DockerExecutor(client, {CRM.name: DockerPlace(container="cache")}, grace=timedelta(seconds=0))
    outcome = await converged(hands, Replicas(2))
    await client.aclose()

    assert (outcome.status, server.changes) == (OutcomeStatus.FAILED, [])
    assert "1 can be had: a container that is found by its name is one" in outcome.reason


async def test_the_agent_knows_its_own_container(
    server: DockerServer, one: FakeContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = []
    for own in (one.id, one.id[:12], "f" * 12, ""):
        monkeypatch.setattr(docker, "own_container", lambda own=own: own)
        client = DockerDaemon(f"unix://{server.socket}")
        hands = DockerExecutor(client, {CRM.name: SERVICE}, grace=timedelta(seconds=0))
        agents.append((await observed(hands)).is_agent)
        await client.aclose()

    assert agents == [True, True, False, False]


def test_what_was_seen_says_how_limits_are_brought_back() -> None:
    seen = Observation(1, 1, None, limits=Limits(128 * MIB))

    assert seen.restoring(Limits(256 * MIB)) == Limits(128 * MIB)
    assert seen.restoring(Limits(128 * MIB)) is None
    assert seen.restoring(Limits(256 * MIB, CPU)) is None  # there was no limit to go back to
    assert replace(seen, ready=0).shows(Limits(128 * MIB))
