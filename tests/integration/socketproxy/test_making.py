"""Containers made anew in their place, and one more of a service, on the real daemon."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from rigs.agent_process import wait_until
from rigs.containers import docker
from rigs.patience import eventually
from rigs.raw_http import Reply, ask
from rigs.socket_proxy import DEAF, Made, Proxy, Releases, docker_socket, exists, running_proxy, shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
OPTIONS = ("--env=COLOUR=blue", "--label=team=shop", "--memory=64m", "--cap-drop=ALL", "--volume=/kept", "--user=65534")
COPIED = ("Memory", "CapDrop", "CapAdd", "Privileged", "NetworkMode", "RestartPolicy", "SecurityOpt", "ReadonlyRootfs")


def known(proxy: Proxy, key: str, image: str) -> None:
    """Wait until the proxy has seen that the image runs."""
    wait_until(lambda: image in proxy.remembered["images"].get(key, []), f"{image} is remembered for {key}")


async def replace(proxy: Proxy, id_: str, image: str | None = None, seconds: int = 1) -> Reply:
    body = None if image is None else {"image": image}
    return await ask(proxy.socket, "POST", f"/aether/v1/containers/{id_}/replace?t={seconds}", body)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def volume_of(container: dict) -> str:
    [mount] = container["Mounts"]
    return str(mount["Name"])


async def test_a_container_is_made_anew_with_all_that_it_had(proxy: Proxy, made: Made) -> None:
    old = shown(made.run(*OPTIONS))

    reply = await replace(proxy, old["Id"])

    assert reply.status == 201, reply
    new = shown(made.name)
    assert (new["Id"], reply.json["Replaced"]) == (reply.json["Id"], old["Id"])
    assert new["Id"] != old["Id"]
    assert new["State"]["Running"]
    assert {**new["Config"]["Labels"]} == {**old["Config"]["Labels"], "aether.replaces": old["Id"]}
    assert [new["Config"][key] for key in ("Env", "Cmd", "User")] == [
        old["Config"][key] for key in ("Env", "Cmd", "User")
    ]
    assert [new["HostConfig"][key] for key in COPIED] == [old["HostConfig"][key] for key in COPIED]
    assert volume_of(new) == volume_of(old)
    assert docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"name={made.name}").split() == [new["Id"]]
    assert proxy.remembered["swap"] is None


async def test_a_repeat_changes_nothing(proxy: Proxy, made: Made) -> None:
    old = made.run()
    first = await replace(proxy, old)

    assert (await replace(proxy, old)).status == 404
    assert shown(made.name)["Id"] == first.json["Id"]


async def test_the_image_that_ran_before_is_brought_back_and_no_other(
    proxy: Proxy, made: Made, releases: Releases
) -> None:
    before = made.run()
    known(proxy, made.name, releases.first)
    docker("rm", "--force", before)
    now = made.run(image=releases.second)
    known(proxy, made.name, releases.second)

    refused = await replace(proxy, now, releases.broken)
    assert refused.status == 403
    assert shown(made.name)["Id"] == now

    reply = await replace(proxy, now, releases.first)
    assert reply.status == 201, reply
    new = shown(made.name)
    assert new["Image"] == releases.first
    assert "RELEASE=2" not in (new["Config"]["Env"] or [])  # that was the image's, not the container's
    assert "release" not in new["Config"]["Labels"]
    assert new["State"]["Running"]


async def test_where_the_successor_does_not_start_the_old_one_is_back(
    tmp_path: Path, made: Made, releases: Releases
) -> None:
    old = made.run("--volume=/kept")
    state = {"images": {made.name: [releases.broken, releases.first]}, "swap": None}
    (tmp_path / "socket-proxy.json").write_text(json.dumps(state))

    with running_proxy(tmp_path) as proxy:
        reply = await replace(proxy, old, releases.broken)

        assert reply.status == 409, reply
        assert "is as it was" in reply.json["message"]
        assert shown(made.name)["Id"] == old
        assert shown(made.name)["State"]["Running"]
        assert docker("ps", "--all", "--quiet", "--filter", f"name={made.name}").count("\n") == 0
        assert proxy.remembered["swap"] is None


@pytest.mark.parametrize("option", ["--privileged", "--pid=host", f"--volume={docker_socket()}:/s"])
async def test_what_holds_the_machine_is_not_made_anew(proxy: Proxy, made: Made, option: str) -> None:
    id_ = made.create(option)

    assert (await replace(proxy, id_)).status == 409
    assert shown(made.name)["Id"] == id_


async def test_a_proxy_that_is_killed_in_the_middle_leaves_the_old_one_as_it_was(tmp_path: Path, made: Made) -> None:
    old = made.run(program=DEAF)
    with running_proxy(tmp_path) as proxy:
        begun = asyncio.create_task(replace(proxy, old, seconds=3))  # it does not hear SIGTERM: this takes 3 s
        await eventually(lambda: proxy.remembered["swap"] is not None, seconds=20)
        proxy.kill()
        assert (await begun).status == 0

    with running_proxy(tmp_path) as proxy:
        wait_until(lambda: proxy.remembered["swap"] is None, "the replacement is settled")
        wait_until(lambda: shown(made.name)["State"]["Running"], "it runs again")

        assert shown(made.name)["Id"] == old
        assert docker("ps", "--all", "--quiet", "--filter", f"name={made.name}").count("\n") == 0


async def test_a_proxy_that_is_killed_at_the_end_finishes_when_it_is_back(
    tmp_path: Path, made: Made, releases: Releases
) -> None:
    old = made.run()
    docker("stop", "--time=1", old)
    docker("rename", old, f"{made.name}-aether-before-{old[:12]}")
    new = made.run(f"--label=aether.replaces={old}")
    swap = {"old": old, "new": new, "name": made.name, "ran": True}
    (tmp_path / "socket-proxy.json").write_text(json.dumps({"images": {}, "swap": swap}))

    with running_proxy(tmp_path) as proxy:
        wait_until(lambda: proxy.remembered["swap"] is None, "the replacement is settled")

    assert shown(made.name)["Id"] == new
    assert docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"name={made.name}").split() == [new]


async def grow(proxy: Proxy, project: str, **body: int) -> Reply:
    return await ask(proxy.socket, "POST", f"/aether/v1/services/{project}/api/replicas", body)


async def test_a_service_gets_one_more_replica_up_to_its_bound(proxy: Proxy, made: Made) -> None:
    first, _ = made.replicas("api", 2)

    reply = await grow(proxy, made.name, add=1, seen=2)

    assert reply.status == 201, reply
    third = shown(f"{made.name}-3")
    assert reply.json == {"Ids": [third["Id"]]}
    assert third["State"]["Running"]
    assert third["Image"] == shown(first)["Image"]
    assert third["Config"]["Labels"] == {
        **shown(first)["Config"]["Labels"],
        "com.docker.compose.container-number": "3",
    }
    assert (await grow(proxy, made.name, add=1, seen=2)).status == 409  # there are three now: it was done
    assert (await grow(proxy, made.name, add=1)).status == 409  # three is the bound
    assert not exists(f"{made.name}-4")


async def test_a_replica_that_rests_is_to_be_started_before_another_is_made(proxy: Proxy, made: Made) -> None:
    _, second = made.replicas("api", 2)
    docker("stop", "--time=1", second)

    reply = await grow(proxy, made.name, add=1)

    assert reply.status == 409
    assert f"{made.name}-2 is there" in reply.json["message"]


async def test_a_replica_has_a_volume_of_its_own(proxy: Proxy, made: Made) -> None:
    id_ = made.run("--volume=/kept", *made.labels_of_compose("api", 1), name=f"{made.name}-1")
    first = shown((await replace(proxy, id_)).json["Id"])

    await grow(proxy, made.name, add=1)

    assert volume_of(shown(f"{made.name}-2")) != volume_of(first)


async def test_a_replica_that_does_not_start_leaves_no_volume(proxy: Proxy, made: Made) -> None:
    """Its port is taken by the first one."""
    mount = f"--mount=type=volume,destination=/kept,volume-label=made-for={made.name}"
    publish = f"--publish=127.0.0.1:{free_port()}:80"
    id_ = made.run(mount, publish, *made.labels_of_compose("api", 1), name=f"{made.name}-1", network="bridge")

    reply = await grow(proxy, made.name, add=1)

    assert reply.status == 409, reply
    assert "did not start" in reply.json["message"]
    assert not exists(f"{made.name}-2")
    labelled = docker("volume", "ls", "--quiet", "--filter", f"label=made-for={made.name}").split()
    assert labelled == [volume_of(shown(id_))]


async def test_a_successor_that_does_not_start_takes_no_volume_with_it(
    tmp_path: Path, made: Made, releases: Releases
) -> None:
    old = shown(made.run("--volume=/kept"))
    state = {"images": {made.name: [releases.broken, releases.first]}, "swap": None}
    (tmp_path / "socket-proxy.json").write_text(json.dumps(state))
    with running_proxy(tmp_path) as proxy:
        reply = await replace(proxy, old["Id"], releases.broken)

    assert reply.status == 409, reply
    assert volume_of(old) in docker("volume", "ls", "--quiet").split()
    assert shown(made.name)["State"]["Running"]


async def test_which_image_ran_before_is_told_while_it_is_there(proxy: Proxy, made: Made, releases: Releases) -> None:
    before = made.run()
    known(proxy, made.name, releases.first)
    first = await ask(proxy.socket, "GET", f"/aether/v1/containers/{before}/releases")
    docker("rm", "--force", before)
    now = made.run(image=releases.second)
    second = await ask(proxy.socket, "GET", f"/aether/v1/containers/{now}/releases")

    assert first.json == {"Image": releases.first, "Before": None, "MaxReplicas": 3}
    assert second.json == {"Image": releases.second, "Before": releases.first, "MaxReplicas": 3}
    gone = await ask(proxy.socket, "GET", f"/aether/v1/containers/{before}/releases")
    assert gone.status == 404


async def test_an_image_that_was_removed_since_is_not_told_of(tmp_path: Path, made: Made, releases: Releases) -> None:
    id_ = made.run()
    images = ["sha256:" + "0" * 64, releases.first]
    (tmp_path / "socket-proxy.json").write_text(json.dumps({"images": {made.name: images}, "swap": None}))
    with running_proxy(tmp_path) as proxy:
        reply = await ask(proxy.socket, "GET", f"/aether/v1/containers/{id_}/releases")

    assert (reply.status, reply.json["Before"]) == (200, None)


async def test_a_service_that_nobody_has_and_one_that_is_not_opted_in_do_not_grow(proxy: Proxy, made: Made) -> None:
    made.run("--label=aether.managed=no", *made.labels_of_compose("api", 1), name=f"{made.name}-1")

    assert (await grow(proxy, made.name, add=1)).status == 403
    assert (await grow(proxy, f"{made.name}-x", add=1)).status == 404


@pytest.mark.parametrize(("declared", "status"), [("{name}", 204), ("{name}/api", 204), ("{name}/web", 403)])
async def test_workloads_of_the_settings_need_no_label(tmp_path: Path, made: Made, declared: str, status: int) -> None:
    made.run(*made.labels_of_compose("api", 1), is_labelled=False)

    with running_proxy(tmp_path, workloads=[declared.format(name=made.name)]) as proxy:
        assert (await ask(proxy.socket, "POST", f"/containers/{made.name}/restart?t=1")).status == status


async def test_a_container_of_two_networks_is_in_both_again(proxy: Proxy, made: Made) -> None:
    networks = [f"{made.name}-{each}" for each in ("a", "b")]
    try:
        for network in networks:
            docker("network", "create", network)
        old = made.run("--network-alias=shop", network=networks[0])
        docker("network", "connect", "--alias=side", networks[1], old)

        reply = await replace(proxy, old)

        assert reply.status == 201, reply
        joined = shown(made.name)["NetworkSettings"]["Networks"]
        assert joined.keys() == set(networks)
        assert "shop" in joined[networks[0]]["Aliases"]
        assert "side" in joined[networks[1]]["Aliases"]
        assert old[:12] not in joined[networks[0]]["Aliases"]
    finally:
        made.remove_all()
        for network in networks:
            docker("network", "rm", network)
