"""The executor behind a proxy that lets sections of the API through: what works with which variables."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aetherlink.errors import RejectedError
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Limits, OutcomeStatus, Release, Replicas
from rigs.containers import Container
from rigs.docker_hands import CRM, DEADLINE, MIB, SOCKET, converged, hands_on, restarted, service, until
from rigs.docker_stack import Stack, Witness
from rigs.section_proxy import SectionProxy, section_proxy

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture
async def sections() -> AsyncIterator[SectionProxy]:
    async with section_proxy(Path(SOCKET.removeprefix("unix://"))) as made:
        yield made


@pytest.fixture
async def one(stack: Stack) -> Container:
    return stack.replica(1, "--memory", "64m")


@pytest.fixture
def place(stack: Stack, one: Container) -> DockerPlace:
    return service(stack)


async def test_with_containers_and_post_it_acts_and_says_what_it_cannot(
    sections: SectionProxy, place: DockerPlace, one: Container
) -> None:
    sections.switch("CONTAINERS", "POST")
    async with hands_on(place, f"unix://{sections.socket}") as executor:
        seen = await until(executor, lambda seen: seen.ready == 1)
        outcomes = [await restarted(executor), await converged(executor, Limits(96 * MIB))]
        witness = Witness()
        refused = [await converged(executor, wish) for wish in (Release(seen.release[:-1] + "x"), Replicas(2))]

    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.DONE] * 2, outcomes
    assert "making containers needs `aether socket-proxy`" in seen.no_release
    assert "Docker answered 403" in seen.no_release
    assert seen.no_change == ""
    assert [outcome.reason[:16] for outcome in refused] == ["nothing was sent"] * 2
    assert witness.actions(one.id) == []
    assert {line.partition("/releases")[0][:24] for line in sections.refused} == {"GET /aether/v1/container"}


async def test_without_post_it_only_looks(sections: SectionProxy, place: DockerPlace, one: Container) -> None:
    sections.switch("CONTAINERS")
    async with hands_on(place, f"unix://{sections.socket}") as executor:
        await until(executor, lambda seen: seen.ready == 1)
        witness = Witness()

        outcome = await restarted(executor)

    assert outcome.status is OutcomeStatus.FAILED, outcome
    assert "Docker answered 403" in outcome.reason
    assert witness.actions(one.id) == []


async def test_without_events_the_container_has_to_tell(
    sections: SectionProxy, place: DockerPlace, one: Container
) -> None:
    sections.switch("CONTAINERS", "POST", off=("EVENTS",))
    async with hands_on(place, f"unix://{sections.socket}") as executor:
        await until(executor, lambda seen: seen.ready == 1)
        one.stop()
        seen = await executor.observe(CRM, deadline=DEADLINE)

    assert seen.wanted == 0  # it ended with 0, and nobody knows by whom


async def test_without_containers_it_sees_nothing(sections: SectionProxy, place: DockerPlace, one: Container) -> None:
    assert one.state["Running"]
    async with hands_on(place, f"unix://{sections.socket}") as executor:
        with pytest.raises(RejectedError, match="Docker answered 403"):
            await executor.observe(CRM, deadline=DEADLINE)
