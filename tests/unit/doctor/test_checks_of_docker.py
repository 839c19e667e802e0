"""What Docker, or a proxy before it, lets through, on a thin daemon that says yes and no as the test wants.

tests/integration/doctor asks the real daemon and our own proxy.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aetherlink.doctor.checks import docker, labels, targets
from aetherlink.doctor.findings import Status
from rigs.docker_server import NEW, OLD, DockerServer, compose_labels, docker_server
from rigs.doctor import ScriptedAgent, findings, ground, statuses, worst
from rigs.scripted_pages import scripted_pages

CRM = {"executor": "docker", "project": "peakpro", "service": "crm", "max": 4}


@pytest.fixture
async def daemon() -> AsyncIterator[DockerServer]:
    async with docker_server() as made:
        yield made


async def test_without_a_host_it_is_not_set_up() -> None:
    assert await statuses(docker, ground()) == [Status.NOT_SET_UP]


async def test_nobody_there_is_a_fault(tmp_path: Path) -> None:
    assert await statuses(docker, ground(docker={"host": f"unix://{tmp_path}/none.sock"})) == [Status.FAULT]


@pytest.mark.parametrize(
    ("status", "message", "lets_through"),
    [
        (404, "No such container: x", True),
        (404, "no container with name or ID x found", True),
        (404, "aether socket-proxy: there is no container x", True),
        (400, "unexpected EOF", True),
        (500, "unexpected EOF", True),
        (403, "this call is not let through", False),
        (404, "page not found", False),
        (405, "", False),
        (401, "", False),
        (503, "", False),
    ],
)
async def test_whoever_refuses_as_the_daemon_does_lets_through(status: int, message: str, lets_through: bool) -> None:
    with scripted_pages() as proxy:
        proxy.answer = lambda path, _: (  # type: ignore[method-assign]  # the same for every call
            (200, {"ApiVersion": "1.45", "Version": "26"}) if path == "/version" else (status, {"message": message})
        )
        address = proxy.url.removeprefix("http://")
        [_, enough, not_too_much] = await findings(docker, ground(docker={"host": f"tcp://{address}"}))

    assert enough.status is Status.FAULT  # the list of containers is refused in any case
    assert ("restart" in enough.text) is not lets_through
    assert not_too_much.status is (Status.WARNING if lets_through else Status.OK)


async def test_nothing_is_sent_that_could_succeed() -> None:
    """On something that would do whatever it is told to."""
    with scripted_pages() as obedient:
        obedient.answer = lambda *_: (200, {"ApiVersion": "1.45"})  # type: ignore[method-assign]  # yes to everything
        address = obedient.url.removeprefix("http://")

        assert await statuses(docker, ground(docker={"host": f"tcp://{address}"})) == [
            *(Status.OK, Status.OK, Status.WARNING)
        ]
    sent = [(path, body) for method, path, body in obedient.heard if method != "GET"]
    assert len(sent) == 8
    for path, body in sent:
        assert body == b"{" or path.startswith("/containers/aether-doctor-"), path


@pytest.mark.parametrize(
    ("refused", "status", "says"),
    [
        ("/json", Status.FAULT, "list containers, inspect"),
        ("/update", Status.WARNING, "change limits"),
        ("/events", Status.WARNING, "hear how they ended"),
    ],
)
async def test_each_right_that_is_missing_is_named(refused: str, status: Status, says: str) -> None:
    with scripted_pages() as proxy:
        proxy.answer = lambda path, _: (  # type: ignore[method-assign]  # yes to everything but one
            (403, {"message": "no"}) if path.endswith(refused) else (200, {"ApiVersion": "1.45"})
        )
        address = proxy.url.removeprefix("http://")
        [_, enough, _] = await findings(docker, ground(docker={"host": f"tcp://{address}"}))

    assert (enough.status, enough.text.partition(": ")[2] or enough.text) == (status, says)


async def test_what_answers_anything_but_docker_is_a_fault() -> None:
    with scripted_pages() as other:
        address = other.url.removeprefix("http://")

        assert await statuses(docker, ground(docker={"host": f"tcp://{address}"})) == [Status.FAULT]


class TestTargets:
    async def test_none_is_not_set_up(self) -> None:
        assert await statuses(targets, ground()) == [Status.NOT_SET_UP]

    async def test_one_that_is_there_is_told_as_it_is(self, daemon: DockerServer) -> None:
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})
        assert await statuses(targets, on) == [Status.OK, Status.NOT_SET_UP]

        daemon.containers[0].end(1, "die")
        found = worst(await findings(targets, on))
        assert (found.status, found.text) == (Status.WARNING, "0 of 1 replicas are ready")
        assert daemon.changes == []

    async def test_one_that_was_stopped_is_told_of(self, daemon: DockerServer) -> None:
        daemon.containers[0].end(143, "die", "stop")
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})

        found = worst(await findings(targets, on))
        assert (found.status, "somebody stopped it" in found.text) == (Status.WARNING, True)

    async def test_one_that_is_not_there_is_a_fault_and_keeps_no_other(self, daemon: DockerServer) -> None:
        lost = {**CRM, "service": "lost"}
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"lost": lost, "crm": CRM})

        assert await statuses(targets, on) == [Status.FAULT, Status.OK, Status.NOT_SET_UP]

    async def test_one_outside_of_its_bounds_is_a_warning(self, daemon: DockerServer) -> None:
        for number in (3, 4):
            daemon.add(f"peakpro-crm-{number}", compose_labels("crm", number))
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": {**CRM, "max": 2}})

        assert "outside of its bounds of 1 to 2" in worst(await findings(targets, on)).text

    async def test_one_that_the_agent_lives_on_is_told_of(self, daemon: DockerServer) -> None:
        daemon.add("mon-prometheus-1", {**compose_labels("prometheus", 1)})
        own = {**CRM, "service": "prometheus"}
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"prom": own})

        found = await findings(targets, on)
        assert [one.status for one in found] == [Status.OK, Status.WARNING]
        assert "never acts on it" in found[1].text

    async def test_what_would_be_refused_is_told_as_check_tells_it(self, daemon: DockerServer) -> None:
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})

        [_, bare] = await findings(targets, on)
        daemon.images = [OLD]
        [_, young] = await findings(targets, on)
        daemon.images = [NEW, OLD]
        assert await statuses(targets, on) == [Status.OK]
        assert "more than 2 replicas are refused, 4 are its max: making containers needs `aether" in bare.text
        assert "rollback is refused: making containers needs `aether socket-proxy`" in bare.text
        assert young.text == "rollback is refused: no other release is known to have run"
        assert {bare.status, young.status} == {Status.NOT_SET_UP}

    async def test_one_that_the_proxy_does_not_change_is_a_fault(self, daemon: DockerServer) -> None:
        why = "aether socket-proxy: peakpro-crm-1 is not opted in"
        daemon.images, daemon.told[f"containers/{daemon.containers[0].id}/releases"] = [OLD], (403, {"message": why})
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})

        found = worst(await findings(targets, on))
        assert found.status is Status.FAULT
        assert found.text == f"every change is refused, a restart too: Docker answered 403: {why}"
        assert "aether.managed=true" in found.fix
        assert "socket_proxy.workloads" in found.fix
        assert daemon.changes == []

    async def test_one_that_is_only_looked_at_need_not_be_opted_in(self, daemon: DockerServer) -> None:
        refused = (403, {"message": "aether socket-proxy: peakpro-crm-1 is not opted in"})
        daemon.images, daemon.told[f"containers/{daemon.containers[0].id}/releases"] = [OLD], refused
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": {**CRM, "mode": "observe"}})

        assert await statuses(targets, on) == [Status.OK, Status.NOT_SET_UP]

    async def test_another_proxy_that_knows_no_releases_is_no_fault(self, daemon: DockerServer) -> None:
        """Whether that lets a restart through is told by the check `docker`."""
        daemon.told[f"containers/{daemon.containers[0].id}/releases"] = (403, {"message": "forbidden"})
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})

        assert await statuses(targets, on) == [Status.OK, Status.NOT_SET_UP]

    async def test_one_that_turns_out_to_be_what_the_agent_lives_on_is_told_of(self, daemon: DockerServer) -> None:
        daemon.containers[0].aliases = ("prometheus",)
        on = ground(docker={"host": f"unix://{daemon.socket}"}, targets={"crm": CRM})

        assert "what the agent lives on (prometheus)" in worst(await findings(targets, on)).text


@pytest.mark.parametrize(("bound", "status"), [("name", Status.OK), ("job", Status.WARNING)])
async def test_evidence_of_something_else_than_what_the_labels_find_is_no_target(
    daemon: DockerServer, tmp_path: Path, bound: str, status: Status
) -> None:
    """As the stage plan has it: the container's name has to stand in the queries, or they may show another one."""
    (tmp_path / "gone.yaml").write_text(
        "name: gone\nmatch: {alertname: Gone}\ntarget: {from: labels, executor: docker}\n"
        f"bind: [{bound}]\nwhen: 'up == 0'\naction: {{restart: {{}}}}\n"
        "verify: {query: 'up == 1', for: 3s, within: 60s}\n"
    )
    alert = {"alertname": "Gone", "name": "peakpro-crm-1", "job": "cadvisor"}
    heard = ScriptedAgent({"/api/v1/alerts": {"items": [{"name": "Gone", "tenant": "acme", "labels": alert}]}})
    on = ground(heard, playbooks_dir=tmp_path, docker={"host": f"unix://{daemon.socket}", "projects": ["peakpro"]})

    [*_, found] = await findings(labels, on)
    assert found.status is status, found.text
    assert ("no query is bound to it" in found.text) is (status is Status.WARNING)
