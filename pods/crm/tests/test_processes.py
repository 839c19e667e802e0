"""CRM processes as the lab and containers run them: sockets, start, refusal, and a stop that ends in time."""

import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from peakpro_crm.database import libpq_url
from peakpro_crm.errors import SettingsError
from peakpro_crm.schema import HEAD, read_revision
from peakpro_crm.server import open_sockets
from peakpro_crm.settings import CrmSettings

Launch = Callable[..., Any]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
HEADERS = {"X-Tenant": "acme-corp"}


def test_replicas_serve_a_shared_socket_beside_their_own_and_either_may_leave(
    launch: Launch, database_url: str, shared_socket: socket.socket
) -> None:
    fd = shared_socket.fileno()
    variables = {"CRM_DATABASE_URL": database_url, "CRM_LISTEN_FD": str(fd)}
    shared = f"http://127.0.0.1:{shared_socket.getsockname()[1]}"
    first = launch("serve", variables, pass_fds=(fd,))

    by_the_shared_door = httpx.get(f"{shared}/api/leads", headers=HEADERS)
    metrics = httpx.get(f"{first.url()}/metrics").text

    assert first.url() != shared
    assert by_the_shared_door.status_code == 200
    assert 'crm_http_requests_total{method="GET",route="/api/leads"' in metrics  # one process serves both

    second = launch("serve", variables, pass_fds=(fd,))
    assert httpx.get(f"{second.url()}/readyz").status_code == 200
    assert first.stop() == 0
    assert [httpx.get(f"{shared}/livez").status_code for _ in range(5)] == [200] * 5
    assert second.stop() == 0


def test_serve_refuses_a_schema_that_is_not_at_head(launch: Launch, empty_database_url: str) -> None:
    crm = launch("serve", {"CRM_DATABASE_URL": empty_database_url})

    assert crm.popen.wait(15) == 1
    crm.wrote("schema is empty, this release needs")
    crm.wrote("run `python -m peakpro_crm migrate`, or set CRM_MIGRATE_ON_START=true")


async def test_migrate_brings_the_schema_to_head(launch: Launch, empty_database_url: str) -> None:
    assert launch("migrate", {"CRM_DATABASE_URL": empty_database_url}).popen.wait(15) == 0

    assert await read_revision(libpq_url(empty_database_url), connect_seconds=2) == HEAD


def test_serve_migrates_when_told_to(launch: Launch, empty_database_url: str) -> None:
    crm = launch("serve", {"CRM_DATABASE_URL": empty_database_url, "CRM_MIGRATE_ON_START": "true"})

    assert httpx.get(f"{crm.url()}/api/leads/stages", headers=HEADERS).json()["total"] == 0


async def test_a_crm_that_starts_before_its_database_becomes_ready(launch: Launch, proxy: Any, until: Until) -> None:
    await proxy.shut()
    crm = launch("serve", {"CRM_DATABASE_URL": proxy.url, "CRM_DATABASE_CHECK_SECONDS": "0.1"})
    crm.wrote("starting without the database")
    async with httpx.AsyncClient(base_url=crm.url()) as client:

        async def answers_readyz() -> int:
            return (await client.get("/readyz")).status_code

        async def is_ready() -> bool:
            return await answers_readyz() == 200

        assert await answers_readyz() == 503
        await proxy.open()
        await until(is_ready)


def test_wrong_settings_end_the_start_with_what_to_do(launch: Launch) -> None:
    crm = launch("serve", {})

    assert crm.popen.wait(15) == 2
    crm.wrote("settings: CRM_DATABASE_URL: Field required")


def test_a_taken_port_is_named(settings: Callable[..., CrmSettings], shared_socket: socket.socket) -> None:
    taken = f"127.0.0.1:{shared_socket.getsockname()[1]}"

    with pytest.raises(SettingsError, match=f"CRM_LISTEN: cannot listen on {taken}: Address already in use; free it"):
        open_sockets(settings(listen=taken))


def test_an_inherited_socket_must_be_a_listening_one(settings: Callable[..., CrmSettings], tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, socket.socket() as deaf:
        with pytest.raises(SettingsError, match=r"CRM_LISTEN_FD: .* is not an inherited socket"):
            open_sockets(settings(listen="127.0.0.1:0", listen_fd=file.fileno()))
        with pytest.raises(SettingsError, match=r"CRM_LISTEN_FD: .* call listen\(\) before the start"):
            open_sockets(settings(listen="127.0.0.1:0", listen_fd=os.dup(deaf.fileno())))


@pytest.mark.parametrize("stuck", ["request", "thread", "loop"])
def test_a_stop_is_bounded_whatever_is_stuck(launch: Launch, database_url: str, stuck: str) -> None:
    variables = {"CRM_DATABASE_URL": database_url, "CRM_FAULTS_ENABLED": "true", "CRM_STOP_SECONDS": "1"}
    crm = launch("serve", {**variables, "CRM_STATEMENT_TIMEOUT_SECONDS": "30"})
    url = crm.url()
    with psycopg.connect(libpq_url(database_url)) as rival, socket.create_connection(address_of(url)) as visitor:
        if stuck == "thread":
            rival.execute("LOCK TABLE leads")
        fault, body = ("hang", {"seconds": 60}) if stuck == "loop" else ("latency", {"seconds": 60})
        if stuck != "thread":
            httpx.put(f"{url}/faults/{fault}", json=body).raise_for_status()
        visitor.sendall(b"GET /api/leads HTTP/1.1\r\nHost: crm\r\nX-Tenant: acme-corp\r\n\r\n")
        wait_until_busy(url, stuck)

        started = time.monotonic()
        crm.stop()

    assert time.monotonic() - started < 4


def address_of(url: str) -> tuple[str, int]:
    parsed = httpx.URL(url)
    assert parsed.port is not None
    return parsed.host, parsed.port


def wait_until_busy(url: str, stuck: str) -> None:
    """Wait until the visitor's request is under way: it holds a connection, or nothing is answered any more."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            metrics = httpx.get(f"{url}/metrics", timeout=0.3).text
        except httpx.TimeoutException:
            return
        if stuck == "thread" and "crm_db_pool_in_use 1.0" in metrics:
            return
        if stuck == "request" and "process_open_fds" in metrics:
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing is stuck at {url}")
