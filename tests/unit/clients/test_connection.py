"""TLS and proxies towards a source, against a server that speaks TLS and a proxy that counts what passes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aetherlink.clients.alertmanager import AlertmanagerClient
from aetherlink.clients.connection import Connection, Proxy
from aetherlink.clients.credentials import read_tls
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.source_options import TlsOptions
from aetherlink.errors import UnreachableError

CERTIFICATES = Path(__file__).parents[2] / "rigs/certificates"
CA, CERT, KEY = CERTIFICATES / "ca.pem", CERTIFICATES / "client.pem", CERTIFICATES / "client.key"
OPTIONS = ClientOptions(deadline=timedelta(seconds=5))


@pytest.fixture
async def tls_url(wire: Any) -> AsyncIterator[str]:
    """The wire behind TLS, as 127.0.0.1 and metrics.example; it wants a certificate of the same CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    context.load_verify_locations(CA)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0, ssl=context)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def is_ready(url: str, connection: Connection) -> bool:
    client = AlertmanagerClient(url, OPTIONS, connection)
    try:
        await client.ready()
    except UnreachableError:
        return False
    finally:
        await client.aclose()
    return True


def tls(**options: Any) -> Connection:
    found = TlsOptions.model_validate(options)
    return Connection(tls=read_tls(found), server_name=found.server_name)


OURS = {"cert_file": CERT, "key_file": KEY}


@pytest.mark.parametrize(
    ("connection", "answers"),
    [
        (tls(ca_file=CA, **OURS), True),
        (tls(ca_file=CA, server_name="metrics.example", **OURS), True),
        (tls(ca_file=CA, server_name="other.example", **OURS), False),
        (tls(ca_file=CA), False),
        (tls(**OURS), False),
        (tls(insecure_skip_verify=True, **OURS), True),
        (Connection(), False),
    ],
    ids=["all well", "by its name", "another name", "no certificate of ours", "unknown CA", "careless", "no settings"],
)
async def test_certificates_are_checked_on_both_sides(tls_url: str, connection: Connection, answers: bool) -> None:
    assert await is_ready(tls_url, connection) is answers


async def test_a_certificate_that_cannot_be_trusted_is_said(tls_url: str) -> None:
    client = AlertmanagerClient(tls_url, OPTIONS, Connection())
    with pytest.raises(UnreachableError, match="its certificate cannot be trusted: self-signed certificate"):
        await client.ready()
    await client.aclose()


@dataclass
class Middle:
    """An HTTP proxy on a loopback port: forwards, tunnels, or refuses. `heads` holds what it was asked."""

    url: str = ""
    refuses: bool = False
    heads: list[bytes] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if self.refuses:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            method, target, _ = head.split(b" ", 2)
            place = target if method == b"CONNECT" else target.removeprefix(b"http://").partition(b"/")[0]
            host, _, port = place.partition(b":")
            far_reader, far_writer = await asyncio.open_connection(host.decode(), int(port))
            with contextlib.closing(far_writer):
                if method == b"CONNECT":
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    far_writer.write(head.replace(b"http://" + place, b"", 1))
                await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Middle]:
    middle = Middle()
    server = await asyncio.start_server(middle.accept, "127.0.0.1", 0)
    middle.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield middle
    server.close()
    for task in middle.serving:
        task.cancel()
    await asyncio.gather(*middle.serving, return_exceptions=True)


async def test_requests_go_through_the_proxy_with_its_password(wire: Any, proxy: Middle) -> None:
    assert await is_ready(wire.url, Connection(proxy=Proxy(proxy.url, ("agent", "s3cret"))))

    [head] = proxy.heads
    assert head.startswith(f"GET {wire.url}/-/ready ".encode())
    assert b"proxy-authorization: basic ywdlbnq6cznjcmv0" in head.lower()
    assert len(wire.requests) == 1


async def test_tls_is_tunnelled_and_still_checked(tls_url: str, proxy: Middle) -> None:
    through = Proxy(proxy.url)

    assert await is_ready(tls_url, Connection(tls=tls(ca_file=CA, **OURS).tls, proxy=through))
    assert not await is_ready(tls_url, Connection(tls=tls(**OURS).tls, proxy=through))
    assert all(head.startswith(b"CONNECT 127.0.0.1:") for head in proxy.heads)


async def test_a_proxy_that_refuses_is_named_as_such(tls_url: str, proxy: Middle) -> None:
    proxy.refuses = True
    client = AlertmanagerClient(tls_url, OPTIONS, Connection(proxy=Proxy(proxy.url)))

    with pytest.raises(UnreachableError, match="the proxy let nothing through: 407"):
        await client.ready()
    await client.aclose()


async def test_a_proxy_in_the_environment_is_not_asked(
    wire: Any, proxy: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("ALL_PROXY", proxy.url)

    assert await is_ready(wire.url, Connection())
    assert proxy.heads == []
