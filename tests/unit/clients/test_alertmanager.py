"""The Alertmanager client against a server that answers well and badly."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.connection import Connection, with_bearer
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import UnreachableError


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
