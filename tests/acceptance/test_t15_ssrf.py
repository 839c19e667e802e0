"""T15: no address that comes from outside is ever connected to, whatever it is written like, and no redirect followed.

The witnesses listen on every address of this machine, on one port; so each way to write an inner address leads to one.
The agent's own Prometheus and Alertmanager send everybody to them, and so do the proxies of its environment.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from aetherlink.clients.exchange import Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.errors import AetherError
from rigs.agent_process import environment, free_port, serving, wait_until

REDIRECTS = (301, 302, 303, 307, 308)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Witness:
    """Listens on one port of every address, and counts who comes."""

    def __init__(self) -> None:
        self.port = free_port()
        self.seen: list[str] = []
        self._listeners = [socket.create_server(("0.0.0.0", self.port)), self._of_ipv6()]  # noqa: S104 - the witness
        for listener in self._listeners:
            threading.Thread(target=self._watch, args=(listener,), daemon=True).start()

    def close(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _of_ipv6(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::", self.port))
        listener.listen()
        return listener

    def _watch(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, where = listener.accept()
                self.seen.append(str(where))
                connection.close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    """One that has seen nobody yet, and would."""
    witness = Witness()
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, witness.port), timeout=5).close()
    wait_until(lambda: len(witness.seen) == 2, "the witness sees whoever comes")
    witness.seen.clear()
    yield witness
    witness.close()


@pytest.fixture
def redirecting(witness) -> Iterator[str]:
    """The URL of a server that sends everybody to the witness."""

    class Handler(BaseHTTPRequestHandler):
        count = 0

        def do_GET(self) -> None:
            Handler.count += 1
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(REDIRECTS[Handler.count % len(REDIRECTS)])
            self.send_header("location", f"http://127.0.0.1:{witness.port}/latest/meta-data")
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that the server calls

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def destinations(port: int) -> list[str]:
    """Forty ways to where nobody from outside may send the agent."""
    hosts = (
        *("127.0.0.1", "localhost", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1"),  # noqa: S104 - only a text to be sent
        *("0177.0.0.1", "017700000001", "127.0.0.1.", "127.255.255.254", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "172.17.0.1"),
        *("169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "localhost.", "LOCALHOST", "metadata.google.internal"),
        *("example.org@127.0.0.1", "127.0.0.1\\@example.org", "example.org#@127.0.0.1", "127%2e0%2e0%2e1"),
    )
    inner = f"127.0.0.1:{port}"
    schemes = (
        *("unix:///var/run/docker.sock", "file:///etc/passwd", f"gopher://{inner}/_GET", f"dict://{inner}/"),
        *(
            f"ftp://{inner}/",
            f"//{inner}/",
            f"http:{inner}",
            f"http://{inner}/\r\nHost: x",
            f"HTTP://{inner}/%0d%0aX:%20y",
        ),
    )
    return [*(f"http://{host}:{port}/" for host in hosts), *schemes]


def alert(url: str, number: int) -> dict[str, object]:
    return {
        "status": "firing",
        "labels": {"alertname": f"Hostile{number}", "instance": url, "service": url, "tenant": url, "url": url},
        "annotations": {"runbook_url": url, "dashboard": url, "summary": url, "__dashboardUid__": url},
        "startsAt": "2025-11-02T20:06:26Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": url,
        "fingerprint": f"{number:016x}",
        "dashboardURL": url,
        "panelURL": url,
        "silenceURL": url,
        "imageURL": url,
    }


def test_nobody_sends_the_agent_anywhere(witness, redirecting, tmp_path) -> None:
    urls = destinations(witness.port)
    assert len(urls) == 40
    proxy = f"http://127.0.0.1:{witness.port}"
    settings = {
        **environment(tmp_path),
        **dict.fromkeys(PROXIES, proxy),
        "no_proxy": "",
        "PROM_URL": redirecting,
        "ALERTMANAGER_URL": redirecting,
        "AETHER_MODE": "auto",
        "AETHER_HEALTH__INTERVAL": "1s",
    }
    with serving(settings, tmp_path), httpx.Client(trust_env=False, timeout=20) as browser:
        browser.base_url = f"http://{settings['AETHER_LISTEN']}"
        wait_until((tmp_path / "data" / "operator.token").exists, "the operator has a token")
        wait_until_listening(browser)
        token = (tmp_path / "data" / "operator.token").read_text().strip()
        browser.headers["authorization"] = f"Bearer {token}"
        for number, url in enumerate(urls):
            body = {"version": "4", "status": "firing", "externalURL": url, "alerts": [alert(url, number)]}
            assert browser.post("/alertmanager", json=body).status_code == 200
            asked(browser, url)
        pages = [f"/incidents/{each['id']}" for each in browser.get("/api/v1/incidents?limit=50").json()["items"]]
        assert len(pages) >= len(urls) - 5, "alerts became no incidents"
        assert all(browser.get(page).is_success for page in ("/", *pages))
        assert browser.get("/livez").is_success

    assert witness.seen == []


def wait_until_listening(browser: httpx.Client) -> None:
    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return browser.get("/livez").is_success
        return False

    wait_until(answers, "the agent listens")


def asked(browser: httpx.Client, url: str) -> None:
    """Everything that takes a name of where to ask, with an address in its place."""
    for path in ("query", "query_range", "labels", "series", "label/job/values"):
        form = {"query": "1", "start": "0", "end": "1", "step": "1", "match[]": "up", "source": url}
        assert browser.get(f"/api/v1/{path}", params=form).status_code == 400, path
    assert browser.post("/query", json={"ql": "1", "source": url}).status_code == 400
    assert browser.get("/api/v1/query", params={"query": "1", "url": url, "target": url}).status_code == 502
    browser.post("/act", json={"action": "restart_api", "service": url[:200], "reason": url})


@pytest.mark.parametrize("path", ["/api/v1/query?query=1", "/-/ready"])
async def test_no_client_follows_a_redirect_or_minds_the_environments_proxy(
    witness, redirecting, monkeypatch, path
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{witness.port}")
    exchange = Exchange("a server", redirecting, options=ClientOptions())
    prometheus = PrometheusClient(redirecting, ClientOptions())
    statuses = set()
    try:
        for _ in REDIRECTS:
            with pytest.raises(AetherError):
                await exchange.ask("GET", path)
            with pytest.raises(AetherError):
                await prometheus.instant("1")
            statuses.add(
                await exchange.send("POST", path, deadline=timedelta(seconds=5), content=b"", headers={}, most=100)
            )
    finally:
        await asyncio.gather(exchange.aclose(), prometheus.aclose())

    assert statuses <= set(REDIRECTS)
    assert witness.seen == []
    assert os.environ["http_proxy"].endswith(str(witness.port))
