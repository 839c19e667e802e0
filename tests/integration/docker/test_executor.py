"""The executor contract on a real Docker daemon, and what only a real one can show.

The witness is the daemon's event stream and StartedAt, read by Docker's command line.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aetherlink.errors import NotFoundError
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import OutcomeStatus, Release, Replicas, StartedAfter
from aetherlink.policy.protection import life_in, own_names
from aetherlink.ports import Executor
from rigs.bad_docker import Spoil, bad_docker
from rigs.containers import Container, docker
from rigs.docker_hands import CRM, DEADLINE, SOCKET, converged, hands_on, restarted, service, until
from rigs.docker_stack import CRASHES, IGNORES, Stack, Witness, healthy, name_of, started_at
from rigs.executor_contract import LimitsContract, ReplicasContract, World
from rigs.patience import eventually

pytestmark = pytest.mark.docker


def restarts(container: Container) -> int:
    """By Docker's own policy."""
    return int(docker("inspect", "--format", "{{.RestartCount}}", container.id))


class TestTheContract(ReplicasContract, LimitsContract):
    """All of it, on a service with one replica that runs and one that was stopped."""

    @pytest.fixture
    async def world(self, stack: Stack) -> AsyncIterator[World]:
        limits = ("--memory", "64m", "--cpus", "0.5")
        stack.replica(1, *limits)
        healthy(stack.replica(2, *limits)).stop()
        async with hands_on(service(stack)) as executor:
            await until(executor, lambda seen: seen.ready == 1)
            yield World(executor, CRM, lambda: datetime.now(UTC))


@pytest.fixture
async def one(stack: Stack) -> Container:
    """The only replica."""
    return stack.replica(1)


@pytest.fixture
async def executor(stack: Stack, one: Container) -> AsyncIterator[Executor]:
    async with hands_on(service(stack)) as made:
        await until(made, lambda seen: seen.ready == 1)
        yield made


async def test_a_restart_is_made_once_with_sigterm_first(executor: Executor, one: Container) -> None:
    witness, before = Witness(), started_at(one)

    outcome = await restarted(executor)

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert started_at(one) > before
    assert witness.actions(one.id) == ["kill", "die", "stop", "start", "restart"]


async def test_what_ignores_sigterm_is_killed_after_its_grace(stack: Stack) -> None:
    deaf = stack.replica(1, "--stop-timeout", "1", program=IGNORES)
    async with hands_on(service(stack)) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        witness = Witness()

        outcome = await restarted(executor)

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert witness.actions(deaf.id) == ["kill", "kill", "die", "stop", "start", "restart"]


async def test_what_was_killed_is_broken_and_started_again(executor: Executor, one: Container) -> None:
    docker("kill", one.id)
    broken = await until(executor, lambda seen: seen.ready == 0)
    witness = Witness()

    outcome = await restarted(executor)

    assert (broken.wanted, broken.oldest_start) == (1, None)
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert witness.actions(one.id) == ["start"]


async def test_what_ended_by_itself_without_an_error_is_broken_too(stack: Stack) -> None:
    stack.replica(1, program="pass")
    async with hands_on(service(stack)) as executor:
        seen = await until(executor, lambda seen: seen.ready == 0)

    assert seen.wanted == 1


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure"])
async def test_what_a_person_stopped_is_left_alone(stack: Stack, policy: str) -> None:
    one = stack.replica(1, "--restart", policy)
    async with hands_on(service(stack)) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        one.stop()
        witness = Witness()

        seen = await executor.observe(CRM, deadline=DEADLINE)
        outcome = await restarted(executor)

    assert (seen.ready, seen.wanted) == (0, 0)
    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent: somebody has stopped it" in outcome.reason
    assert witness.actions(one.id) == []


async def test_what_a_person_paused_is_left_alone(executor: Executor, one: Container) -> None:
    docker("pause", one.id)
    witness = Witness()

    seen = await executor.observe(CRM, deadline=DEADLINE)
    outcome = await restarted(executor)
    acted = witness.actions(one.id)
    docker("unpause", one.id)

    assert (seen.wanted, outcome.status, acted) == (0, OutcomeStatus.FAILED, [])


async def test_what_docker_starts_again_by_itself_is_left_to_it(stack: Stack) -> None:
    """It crashes at once, each time, so that Docker waits ever longer."""
    one = stack.replica(1, "--restart", "always", program=CRASHES)
    async with hands_on(service(stack)) as executor:
        await eventually(lambda: restarts(one) >= 5 and one.state["Status"] == "restarting", seconds=30)
        witness = Witness()

        outcome = await executor.converge(CRM, StartedAfter(datetime.now(UTC)), deadline=timedelta(seconds=4))

    assert outcome.status is OutcomeStatus.FAILED, outcome
    assert not {"kill", "stop", "restart"} & set(witness.actions(one.id))


async def test_what_fails_its_own_check_is_not_ready_until_it_was_restarted(stack: Stack) -> None:
    one = stack.replica(1, "--tmpfs", "/tmp")
    async with hands_on(service(stack)) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        one.python("open('/tmp/ill', 'w')")
        ill = await until(executor, lambda seen: seen.ready == 0)

        outcome = await restarted(executor)

    assert (ill.wanted, ill.oldest_start is None) == (1, False)
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert one.is_healthy


async def test_a_container_that_was_made_anew_is_another_one(stack: Stack, executor: Executor, one: Container) -> None:
    before = await executor.observe(CRM, deadline=DEADLINE)
    docker("rename", one.id, f"{name_of(one)}-old")
    stack.replica(1)
    docker("stop", "--time", "1", one.id)
    after = await until(executor, lambda seen: seen.ready == 1)

    assert before.identity != after.identity
    assert after.oldest_start is not None
    assert before.oldest_start is not None
    assert after.oldest_start > before.oldest_start


async def test_more_replicas_than_exist_are_refused(executor: Executor, one: Container) -> None:
    witness = Witness()

    outcome = await executor.converge(CRM, Replicas(2), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent: 2 replicas are wished, and 1 can be had: making containers needs" in outcome.reason
    assert witness.actions(one.id) == []


async def test_another_image_is_refused(executor: Executor, one: Container) -> None:
    witness = Witness()

    outcome = await executor.converge(CRM, Release("crm@sha256:0"), deadline=DEADLINE)

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent: no release can be brought: making containers needs `aether" in outcome.reason
    assert witness.actions(one.id) == []


async def test_a_dry_run_notices_that_more_are_wished_than_there_can_be(stack: Stack, one: Container) -> None:
    async with hands_on(service(stack), is_dry_run=True) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        witness = Witness()

        outcomes = [await converged(executor, wish) for wish in (Replicas(2), Release("sha256:" + "0" * 64))]

    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.FAILED] * 2
    assert outcomes[0].reason.startswith("nothing would be sent: 2 replicas are wished, and 1 can be had")
    assert witness.actions(one.id) == []


async def test_the_daemon_tells_by_what_names_the_target_goes(stack: Stack) -> None:
    stack.replica(1, "--name", f"{stack.project}-prometheus", "--hostname", "metrics")
    async with hands_on(service(stack)) as executor:
        seen = await until(executor, lambda seen: seen.ready == 1)

    assert {f"{stack.project}-prometheus", "metrics", "crm"} <= {*seen.aliases}
    assert life_in(seen, own_names(prometheus=(), alertmanagers=(), database_url=None, protected=())) == "prometheus"


async def test_a_container_by_its_name_is_acted_on_with_its_label_only(stack: Stack) -> None:
    given, other = stack.alone(labels={"aether.managed": "true"}), stack.alone()
    outcomes = []
    for each in (given, other):
        async with hands_on(DockerPlace(container=name_of(each))) as executor:
            outcomes.append((await restarted(executor)).status)

    assert outcomes == [OutcomeStatus.DONE, OutcomeStatus.FAILED]


async def test_a_service_is_kept_from_the_agent_by_a_label(stack: Stack) -> None:
    stack.replica(1, "--label", "aether.managed=false")
    async with hands_on(service(stack)) as executor:
        with pytest.raises(NotFoundError, match=r"kept from the agent by its label aether\.managed"):
            await executor.observe(CRM, deadline=DEADLINE)


async def test_t16_one_restart_is_made_when_its_reply_is_lost(stack: Stack, executor: Executor, one: Container) -> None:
    witness = Witness()
    async with (
        bad_docker(Path(SOCKET.removeprefix("unix://"))) as socket,
        hands_on(service(stack), f"unix://{socket.socket}") as hands,
    ):
        socket.spoil = Spoil.REPLY_LOST

        outcome = await restarted(hands)

    assert outcome.status is OutcomeStatus.DONE, outcome
    assert witness.actions(one.id).count("restart") == 1
