"""The executor through `aether socket-proxy` on a real daemon: all that it does straight, and what the proxy makes.

The witness is the daemon's event stream and StartedAt, read by Docker's command line, past both.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Limits, OutcomeStatus, Release, Replicas
from rigs.bad_docker import Spoil, bad_docker
from rigs.containers import docker
from rigs.docker_hands import CRM, DEADLINE, MIB, converged, hands_on, restarted, service, until
from rigs.docker_stack import Witness, name_of, started_at
from rigs.executor_contract import LimitsContract, ReleasesContract, ReplicasContract, World
from rigs.patience import eventually
from rigs.proxied_stack import Proxied
from rigs.socket_proxy import shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_CRASHES_IN_THE_NEWER = """\
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.exit(7) if os.environ.get("RELEASE") == "2" else signal.pause()
"""


class TestTheContract(ReplicasContract, ReleasesContract, LimitsContract):
    """All of it, on a service with one replica: a second one has to be made."""

    @pytest.fixture
    async def world(self, proxied: Proxied, image: str, newer: str) -> AsyncIterator[World]:
        proxied.replica(1)
        async with hands_on(service(proxied.stack), proxied.host) as executor:
            await until(executor, lambda seen: seen.ready == 1)
            yield World(executor, CRM, lambda: datetime.now(UTC), releases=(image, newer))


async def test_a_release_that_crashes_again_and_again_is_replaced_by_the_one_before(
    proxied: Proxied, image: str, newer: str
) -> None:
    """What the built-in playbook container-restart-loop asks for."""
    old = proxied.replica(1, "--restart=always", image=newer, program=_CRASHES_IN_THE_NEWER)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await eventually(lambda: int(docker("inspect", "--format", "{{.RestartCount}}", old.id)) >= 2, seconds=60)
        before = await executor.observe(CRM, deadline=DEADLINE)
        witness = Witness()

        outcome = await converged(executor, Release(before.previous_release))
        after = await executor.observe(CRM, deadline=DEADLINE)

    assert (before.release, before.previous_release, before.ready) == (newer, image, 0)
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert (after.release, after.previous_release, after.ready) == (image, newer, 1)
    [new] = proxied.ids
    assert witness.actions(new) == ["create", "rename", "start"]
    assert witness.actions(old.id)[-1] == "destroy"
    assert shown(new)["Image"] == image
    assert shown(new)["HostConfig"]["RestartPolicy"]["Name"] == "always"


async def test_of_two_replicas_one_at_a_time_is_made_anew(proxied: Proxied, image: str, newer: str) -> None:
    for number in (1, 2):
        proxied.replica(number, image=newer)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await until(executor, lambda seen: seen.ready == 2)
        rollback = asyncio.ensure_future(converged(executor, Release(image)))
        ready = []
        while not rollback.done():
            ready.append((await executor.observe(CRM, deadline=DEADLINE)).ready)
            await asyncio.sleep(0.05)
        after = await executor.observe(CRM, deadline=DEADLINE)

    assert rollback.result().status is OutcomeStatus.DONE, rollback.result()
    assert min(ready) >= 1
    assert (after.release, after.ready, after.wanted) == (image, 2, 2)


async def test_one_that_had_failed_runs_after_its_rollback(proxied: Proxied, image: str, newer: str) -> None:
    proxied.replica(1, image=newer, program=_CRASHES_IN_THE_NEWER)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        failed = await until(executor, lambda seen: seen.ready == 0)

        outcome = await converged(executor, Release(image))

    assert failed.wanted == 1
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert shown(proxied.ids[0])["State"]["Running"]


async def test_a_successor_that_does_not_become_ready_is_no_success(proxied: Proxied, image: str, newer: str) -> None:
    """It starts, so that the proxy keeps it; what the target shows counts."""
    program = _CRASHES_IN_THE_NEWER.replace('== "2"', '!= "2"')
    for number in (1, 2):
        proxied.replica(number, image=newer, program=program)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await until(executor, lambda seen: seen.ready == 2)

        outcome = await executor.converge(CRM, Release(image), deadline=timedelta(seconds=15))
        after = await executor.observe(CRM, deadline=DEADLINE)

    assert outcome.status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN), outcome
    assert after.ready == 1  # the other one was left as it is


@pytest.mark.parametrize("spoil", [Spoil.REPLY_LOST, Spoil.ERROR_500, Spoil.CONFLICT_409, Spoil.NOT_FOUND_404])
async def test_t16_an_answer_that_is_lost_is_told_by_looking(
    proxied: Proxied, image: str, newer: str, spoil: Spoil
) -> None:
    old = proxied.replica(1, image=newer)
    async with (
        bad_docker(proxied.proxy.socket) as socket,
        hands_on(service(proxied.stack), f"unix://{socket.socket}") as executor,
    ):
        await until(executor, lambda seen: seen.ready == 1)
        socket.spoil = spoil

        outcomes = [await converged(executor, wish) for wish in (Release(image), Replicas(2))]

    assert [one.status for one in outcomes] == [OutcomeStatus.DONE] * 2, outcomes
    assert [line.split(" ")[1].rpartition("/")[2] for line in socket.changes] == ["replace?t=2", "replicas"]
    assert len(proxied.ids) == 2
    assert old.id not in proxied.ids


async def test_t16_where_nobody_can_tell_it_is_unknown(proxied: Proxied, image: str, newer: str) -> None:
    proxied.replica(1, image=newer)
    async with (
        bad_docker(proxied.proxy.socket) as socket,
        hands_on(service(proxied.stack), f"unix://{socket.socket}") as executor,
    ):
        await until(executor, lambda seen: seen.ready == 1)
        socket.spoil, socket.then = Spoil.HANG_AFTER, True

        outcome = await executor.converge(CRM, Release(image), deadline=timedelta(seconds=12))

    assert outcome.status is OutcomeStatus.UNKNOWN, outcome
    assert len(socket.changes) == 1


async def test_beyond_what_the_proxy_makes_nothing_is_sent(proxied: Proxied) -> None:
    one = proxied.replica(1)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        seen = await until(executor, lambda seen: seen.ready == 1)
        witness = Witness()

        outcome = await converged(executor, Replicas(4))

    assert seen.most_replicas == 3
    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent: 4 replicas are wished, and 3 can be had" in outcome.reason
    assert (proxied.ids, witness.actions(one.id)) == ([one.id], [])


async def test_fewer_replicas_stop_what_was_made_and_more_start_it_again(proxied: Proxied) -> None:
    first = proxied.replica(1)
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        outcomes = [(await converged(executor, Replicas(count))).status for count in (3, 1, 2)]
        seen = await executor.observe(CRM, deadline=DEADLINE)

    assert outcomes == [OutcomeStatus.DONE] * 3
    running = [shown(f"{proxied.stack.project}-crm-{number}")["State"]["Running"] for number in (1, 2, 3)]
    assert running == [True, True, False]
    assert (seen.ready, seen.wanted, len(proxied.ids)) == (2, 2, 3)
    assert started_at(first) == shown(first.id)["State"]["StartedAt"]


async def test_limits_are_changed_without_a_restart(proxied: Proxied) -> None:
    one = proxied.replica(1)
    before, witness = started_at(one), Witness()
    async with hands_on(service(proxied.stack), proxied.host) as executor:
        await until(executor, lambda seen: seen.ready == 1)
        outcome = await converged(executor, Limits(96 * MIB, 10**9))

    assert outcome.status is OutcomeStatus.DONE, outcome
    host = shown(one.id)["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (96 * MIB, 10**9)
    assert witness.actions(one.id) == ["update"]
    assert started_at(one) == before


async def test_what_is_not_opted_in_can_be_looked_at_and_is_told_so(proxied: Proxied) -> None:
    other = f"{proxied.stack.project}-other"
    labels = {"project": other, "service": "crm", "oneoff": "False"}
    one = proxied.stack.alone(labels={f"com.docker.compose.{key}": value for key, value in labels.items()})
    witness = Witness()
    async with hands_on(DockerPlace(project=other, service="crm"), proxied.host) as executor:
        seen = await executor.observe(CRM, deadline=DEADLINE)
        outcome = await restarted(executor)

    assert "is not opted in" in seen.no_release
    assert "is not opted in" in seen.no_change
    assert outcome.status is OutcomeStatus.FAILED, outcome
    assert "is not opted in" in outcome.reason
    assert witness.actions(one.id) == []


async def test_a_container_of_its_own_is_rolled_back_by_its_name(proxied: Proxied, image: str, newer: str) -> None:
    other = proxied.stack.alone(labels={"aether.managed": "true"})
    name = name_of(other)
    await eventually(lambda: proxied.proxy.remembered["images"].get(name) == [image], seconds=20)
    docker("rm", "--force", other.id)
    labels = {"aether.managed": "true"}
    made = proxied.stack.made.start(
        newer,
        "python3",
        "-c",
        "import signal; signal.pause()",
        options=("--name", name, "--network", "none", *(f"--label={key}={value}" for key, value in labels.items())),
    )
    async with hands_on(DockerPlace(container=name), proxied.host) as executor:
        seen = await until(executor, lambda seen: seen.ready == 1)
        outcome = await converged(executor, Release(seen.previous_release))

    assert (seen.release, seen.previous_release, seen.most_replicas) == (newer, image, 1)
    assert outcome.status is OutcomeStatus.DONE, outcome
    assert shown(name)["Image"] == image
    assert shown(name)["Id"] != made.id
    docker("rm", "--force", "--volumes", name)
