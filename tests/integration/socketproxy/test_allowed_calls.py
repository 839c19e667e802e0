"""What the proxy lets through does on the real daemon what it says."""

import asyncio
import json
from urllib.parse import quote

import pytest

from rigs.raw_http import ask
from rigs.socket_proxy import Made, Proxy, shown

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
MIB = 1024 * 1024


async def test_a_container_is_restarted_stopped_and_started(proxy: Proxy, made: Made) -> None:
    id_ = made.run()
    began = shown(id_)["State"]["StartedAt"]

    assert (await ask(proxy.socket, "POST", f"/v1.41/containers/{made.name}/restart?t=1")).status == 204
    assert shown(id_)["State"]["StartedAt"] > began

    assert (await ask(proxy.socket, "POST", f"/containers/{id_[:12]}/stop?t=1")).status == 204
    assert shown(id_)["State"]["Running"] is False

    assert (await ask(proxy.socket, "POST", f"/containers/{id_}/start")).status == 204
    assert (await ask(proxy.socket, "POST", f"/containers/{id_}/start")).status == 304
    assert shown(id_)["State"]["Running"] is True


async def test_limits_are_changed_and_nothing_else(proxy: Proxy, made: Made) -> None:
    id_ = made.run("--memory=64m")
    before = shown(id_)["HostConfig"]

    limits = {"Memory": 128 * MIB, "MemorySwap": 128 * MIB, "CpuShares": 512}
    reply = await ask(proxy.socket, "POST", f"/containers/{id_}/update", limits)

    assert reply.status == 200, reply
    assert shown(id_)["HostConfig"] == {**before, **limits}


async def test_containers_are_listed_and_looked_at_without_their_passwords(proxy: Proxy, made: Made) -> None:
    id_ = made.run("--env=PASSWORD=hunter2")

    filters = quote(json.dumps({"name": [made.name], "status": ["running"]}))
    listed = await ask(proxy.socket, "GET", f"/v1.41/containers/json?all=1&filters={filters}")
    seen = await ask(proxy.socket, "GET", f"/v1.41/containers/{made.name}/json")
    image = await ask(proxy.socket, "GET", f"/images/{seen.json['Image']}/json")

    assert [one["Id"] for one in listed.json] == [id_]
    assert seen.json["State"] == shown(id_)["State"]
    assert seen.json["Config"]["Env"] == []
    assert image.json["Id"] == seen.json["Image"]
    assert b"hunter2" not in listed.body + seen.body


async def test_versions_are_told_and_an_unknown_container_is_not_found(proxy: Proxy, made: Made) -> None:
    assert (await ask(proxy.socket, "GET", "/_ping")).body == b"OK"
    assert "api-version:" in (await ask(proxy.socket, "GET", "/_ping")).head
    assert "ApiVersion" in (await ask(proxy.socket, "GET", "/version")).json
    assert (await ask(proxy.socket, "POST", f"/containers/{made.name}/restart")).status == 404


async def test_events_come_as_they_happen_until_the_caller_leaves(proxy: Proxy, made: Made) -> None:
    id_ = made.run()
    reader, writer = await asyncio.open_unix_connection(proxy.socket)
    filters = quote(json.dumps({"container": [id_]}))
    writer.write(f"GET /events?filters={filters} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        await ask(proxy.socket, "POST", f"/containers/{id_}/stop?t=1")
        told = await reader.readuntil(b'"status":"stop"')
    writer.close()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Transfer-Encoding: chunked" in head
    assert b'"status":"die"' in told
    assert (await ask(proxy.socket, "GET", "/_ping")).status == 200


async def test_events_of_a_time_that_is_over_end(proxy: Proxy, made: Made) -> None:
    reply = await ask(proxy.socket, "GET", "/events?since=1&until=2")

    assert reply.status == 200
    assert reply.body.endswith(b"0\r\n\r\n")
