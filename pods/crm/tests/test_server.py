"""How the server ends: whoever was let in just before still has his answer."""

import asyncio
import contextlib
import signal
import socket

import pytest
import uvicorn

from peakpro_crm import server as crm_server
from peakpro_crm.server import Server

DEADLINE = 10


async def app(_scope, _receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def until(is_so) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)


async def test_a_request_on_a_connection_that_came_just_before_the_end_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crm_server, "_JUST_CAME", 1.0)  # the machine may be busy
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=2))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    await until(lambda: server.server_state.connections)

    server.should_exit = True
    await until(lambda: not server.servers[0].is_serving())
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")

    async with asyncio.timeout(DEADLINE):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    await serving
    assert {number: signal.getsignal(number) for number in before} == before
