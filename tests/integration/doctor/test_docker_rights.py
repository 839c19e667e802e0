"""What a real daemon lets through, bare and behind our own proxy; nothing happens to anything."""

from pathlib import Path

import pytest

from aetherlink.doctor.checks import docker
from aetherlink.doctor.findings import Status
from rigs.doctor import findings, ground
from rigs.socket_proxy import docker_socket, running_proxy

pytestmark = pytest.mark.docker


async def test_dockers_own_socket_is_too_much() -> None:
    found = await findings(docker, ground(docker={"host": f"unix://{docker_socket()}"}))

    assert [one.status for one in found] == [Status.OK, Status.OK, Status.WARNING]
    assert all(word in found[2].text for word in ("create", "run commands", "remove", "read files", "volumes"))
    assert "aether socket-proxy" in found[2].fix


async def test_our_proxy_lets_through_enough_and_not_too_much(tmp_path: Path) -> None:
    with running_proxy(tmp_path) as proxy:
        found = await findings(docker, ground(docker={"host": f"unix://{proxy.socket}"}))

    assert [one.status for one in found] == [Status.OK, Status.OK, Status.OK], found
    assert proxy.log.count("refused") == 5
