"""The agent in somebody's stack is held as tightly as in our own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from aetherlink.adoption.compose_override import SOCKET, override_text

OURS = Path(__file__).parents[3] / "monitoring" / "docker-compose.yml"
SAME = {"aether-agent": "aether-agent", "aether-socket-proxy": "socket-proxy", "aether-webhook-token": "webhook-token"}
HELD_BY = (
    *("image", "user", "group_add", "cap_drop", "cap_add", "security_opt", "read_only", "tmpfs"),
    *("network_mode", "restart", "stop_grace_period"),
)


def services(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


@pytest.fixture(scope="module")
def proposed() -> dict[str, Any]:
    return services(override_text(compose="c.yml", folder="/f", alertmanagers=["am"], networks=["default"], version=""))


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return services(OURS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SAME)
def test_each_service_has_the_bounds_of_its_like_in_our_own_stack(
    name: str, proposed: dict[str, Any], ours: dict[str, Any]
) -> None:
    one, like = proposed[name], ours[SAME[name]]

    assert {key: one.get(key) for key in HELD_BY} == {key: like.get(key) for key in HELD_BY}
    assert one["cap_drop"] == ["ALL"]
    assert one["read_only"] is True


def test_the_proxy_is_asked_the_same_question_whether_it_is_well(
    proposed: dict[str, Any], ours: dict[str, Any]
) -> None:
    check, like = proposed["aether-socket-proxy"]["healthcheck"], ours["socket-proxy"]["healthcheck"]
    own = SOCKET.removeprefix("unix://")

    assert own in check["test"][-1]
    assert {**check, "test": [word.replace(own, "/run/aether/docker.sock") for word in check["test"]]} == like


def test_both_wait_for_the_token_and_the_folder_to_be_made(proposed: dict[str, Any], ours: dict[str, Any]) -> None:
    done = {"condition": "service_completed_successfully"}

    assert ours["aether-agent"]["depends_on"] == {"webhook-token": done}
    for name in ("aether-agent", "aether-socket-proxy"):
        assert proposed[name]["depends_on"] == {"aether-webhook-token": done}


def test_the_token_is_made_in_the_same_way(proposed: dict[str, Any], ours: dict[str, Any]) -> None:
    """And the folder of the proxy is given to it, on a line of its own."""
    script, like = proposed["aether-webhook-token"]["command"][-1], ours["webhook-token"]["command"][-1]

    assert script.startswith(like)
    assert script.removeprefix(like).strip() == 'os.chown("/run/aether-docker", 10001, 10001)'


def test_only_the_proxy_holds_dockers_socket(proposed: dict[str, Any], ours: dict[str, Any]) -> None:
    def mount(service: dict[str, Any]) -> list[str]:
        return [str(one) for one in service["volumes"] if "docker.sock" in str(one)]

    assert mount(proposed["aether-socket-proxy"]) == mount(ours["socket-proxy"])
    assert [name for name in proposed if mount(proposed[name])] == ["aether-socket-proxy"]
