"""The Alertmanager client against a server that answers well and badly."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AetherError, AnswerError, DeadlineError, RejectedError, UnreachableError
from aetherlink.testing import ManualClock

ALERT = {
    "annotations": {},
    "endsAt": "2026-01-01T12:04:00Z",
    "fingerprint": "00000000000000aa",
    "receivers": [{"name": "agent"}],
    "startsAt": "2026-01-01T12:00:00Z",
    "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
    "labels": {"alertname": "CrmApiDown"},
}


@pytest.fixture
async def client(wire: Any) -> AsyncIterator[AlertmanagerClient]:
    options = ClientOptions(deadline=timedelta(seconds=5))
    client = AlertmanagerClient(wire.url, options, Connection(with_bearer("s3cret")))
    yield client
    await client.aclose()


async def test_ready_is_asked_with_the_token(wire: Any, client: AlertmanagerClient) -> None:
    wire.say("200 OK", b"OK", content_type="text/plain")

    await client.ready()

    assert wire.requests[0].startswith(b"GET /-/ready ")
    assert b"authorization: bearer s3cret" in wire.requests[0].lower()


async def test_not_ready_is_unreachable(wire: Any, client: AlertmanagerClient) -> None:
    wire.say("503 Service Unavailable", b"later", content_type="text/plain")

    with pytest.raises(UnreachableError, match=rf"Alertmanager at {wire.url} is not ready: 503 later"):
        await client.ready()


async def test_every_alert_is_asked_for_also_the_suppressed_ones(wire: Any, client: AlertmanagerClient) -> None:
    wire.say("200 OK", json.dumps([ALERT]).encode())

    assert list(await client.alerts()) == ["00000000000000aa"]

    [request] = wire.requests
    assert request.startswith(b"GET /api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true ")
    assert b"authorization: bearer s3cret" in request.lower()


async def test_a_large_list_is_read_too(wire: Any, client: AlertmanagerClient) -> None:
    listed = [{**ALERT, "fingerprint": f"{number:016x}", "annotations": {"text": "x" * 500}} for number in range(1000)]
    wire.say("200 OK", json.dumps(listed).encode())

    assert len(await client.alerts()) == 1000


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        ("500 Internal Server Error", b"oops", (UnreachableError, "answered GET /api/v2/alerts with 500: oops")),
        ("401 Unauthorized", b"", (RejectedError, "with 401: set bearer_token_file, basic_auth or headers")),
        ("404 Not Found", b"no", (AnswerError, "Is this the address of an Alertmanager")),
        ("200 OK", b"", (AnswerError, "its list of alerts cannot be read")),
        ("200 OK", b"<html>sign in</html>", (AnswerError, "its list of alerts cannot be read")),
        ("200 OK", b'[{"fingerprint": "aa"}]', (AnswerError, "its list of alerts cannot be read")),
        ("302 Found", b"", (AnswerError, "answered GET")),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error(
    wire: Any, client: AlertmanagerClient, status: str, body: bytes, refusal: tuple[type[AetherError], str]
) -> None:
    wire.say(status, body)

    with pytest.raises(refusal[0], match=refusal[1]) as caught:
        await client.alerts()
    assert wire.url in str(caught.value)


async def test_a_list_beyond_its_bound_is_not_read_to_its_end(wire: Any, client: AlertmanagerClient) -> None:
    wire.say("200 OK", json.dumps([ALERT] * 100).encode())

    with pytest.raises(AnswerError, match="larger than 2048 bytes"):
        await client.alerts(max_bytes=2048)
    with pytest.raises(AnswerError, match="it lists 100 alerts, more than 99"):
        await client.alerts(max_alerts=99)


async def test_an_answer_that_breaks_off_is_no_list(wire: Any, client: AlertmanagerClient) -> None:
    async def half(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[]")
        writer.close()

    wire.handler = half

    with pytest.raises(UnreachableError, match="the connection broke before the answer was complete"):
        await client.alerts()


async def test_an_answer_that_never_ends_is_late(wire: Any) -> None:
    async def never(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")

    wire.handler = never
    hasty = AlertmanagerClient(wire.url, ClientOptions(deadline=timedelta(milliseconds=200)))

    with pytest.raises(DeadlineError):
        await hasty.alerts()
    await hasty.aclose()


async def test_the_receiver_has_to_be_one_that_it_knows(wire: Any, client: AlertmanagerClient) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        body = json.dumps([ALERT] if b"/alerts" in request else [{"name": "agent"}]).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    wire.handler = answer

    assert len(await client.alerts(receiver="agent")) == 1
    with pytest.raises(AnswerError, match="has no receiver 'agnet': set `receiver` of this source"):
        await client.alerts(receiver="agnet")


async def test_its_state_is_told_by_its_own_clock(wire: Any, client: AlertmanagerClient, clock: ManualClock) -> None:
    status = {"cluster": {"status": "ready"}, "uptime": "2026-01-01T11:00:00Z"}
    wire.say("200 OK", json.dumps(status).encode(), headers="Date: Thu, 01 Jan 2026 11:00:30 GMT\r\n")

    state = await client.state(clock)

    assert (state.up_for, state.is_settled) == (timedelta(seconds=30), True)
    wire.say("200 OK", b"{}")
    with pytest.raises(AnswerError, match="its status cannot be read"):
        await client.state(clock)
