"""What a new container is made of, and what is refused."""

from typing import Any

import pytest

from aetherlink.errors import ConflictError
from aetherlink.socketproxy import new_container
from rigs.recording_daemon import MANAGED_ID, container

IMAGE = {"Config": {"Env": ["PATH=/bin"], "Cmd": ["serve"], "Labels": {"version": "1"}, "WorkingDir": "/app"}}


def sibling(config: dict[str, Any] | None = None, host: dict[str, Any] | None = None) -> dict[str, Any]:
    found = container(MANAGED_ID, "api", {"team": "shop", "version": "1"})
    found["Config"] |= {"Env": ["PATH=/bin", "COLOUR=blue"], "Cmd": ["serve"], "WorkingDir": "/app", **(config or {})}
    found["HostConfig"] |= host or {}
    return found


def test_what_the_image_said_is_left_to_the_next_image() -> None:
    body = new_container.replacement(sibling(), IMAGE, "sha256:new")

    assert body["Image"] == "sha256:new"
    assert body["Env"] == ["COLOUR=blue"]
    assert body["Labels"] == {"team": "shop", "aether.replaces": MANAGED_ID}
    assert not {"Cmd", "WorkingDir"} & body.keys()


def test_without_the_old_image_everything_is_kept() -> None:
    body = new_container.replacement(sibling(), None, "sha256:new")

    assert body["Env"] == ["PATH=/bin", "COLOUR=blue"]
    assert (body["Cmd"], body["WorkingDir"]) == (["serve"], "/app")


def test_a_command_stays_where_the_entrypoint_is_the_containers_own() -> None:
    body = new_container.replacement(sibling({"Entrypoint": ["own"]}), IMAGE, "sha256:new")

    assert (body["Entrypoint"], body["Cmd"]) == (["own"], ["serve"])


def test_a_host_name_that_docker_gave_is_not_handed_on() -> None:
    assert "Hostname" not in new_container.replacement(sibling({"Hostname": MANAGED_ID[:12]}), None, "x")
    assert new_container.replacement(sibling({"Hostname": "shop"}), None, "x")["Hostname"] == "shop"


def test_a_replica_has_no_address_name_or_volume_of_its_sibling() -> None:
    one = sibling(host={"NetworkMode": "net", "Binds": [f"{'c' * 64}:/kept", "/srv:/srv:ro"]})
    endpoint = {"IPAMConfig": {"IPv4Address": "10.0.0.2"}, "Aliases": ["api", "shop", MANAGED_ID[:12]]}
    one["NetworkSettings"]["Networks"] = {"net": endpoint}

    assert new_container.replica(one, None, 2)["HostConfig"]["Binds"] == ["/srv:/srv:ro"]
    assert new_container.networks_of_replica(one) == {"net": {"Aliases": ["shop"]}}
    assert new_container.networks(one) == {"net": {**endpoint, "Aliases": ["api", "shop"]}}


@pytest.mark.parametrize(
    "host",
    [
        {"Privileged": True},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"UsernsMode": "host"},
        {"Binds": ["/run/docker.sock:/x"]},
        {"Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/x"}]},
        {"Binds": ["/var/run/:/var/run:ro"]},
        {"Binds": ["/:/rootfs:ro"]},
        {"AutoRemove": True},
        {"VolumesFrom": ["other"]},
        {"NetworkMode": f"container:{'d' * 64}"},
        {"Links": ["/db:/api/db"]},
    ],
)
def test_what_holds_the_machine_or_cannot_be_copied_is_refused(host: dict[str, Any]) -> None:
    new_container.check_fit(sibling())

    with pytest.raises(ConflictError):
        new_container.check_fit(sibling(host=host))
