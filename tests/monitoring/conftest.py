"""What the tests of monitoring/ share: the real tools of both generations, and real servers on free ports.

Nothing is faked but the scraped processes: a small HTTP server hands out the metrics that the CRM and the agent
promise. Prometheus and Alertmanager are the real ones, in temporary folders, stopped by their own handles.
"""

import contextlib
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from aetherlink.lab.tools import GENERATIONS, ToolSet, find_tools

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30.0

Answer = TypeVar("Answer")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def monitoring() -> Path:
    """The folder under test."""
    return ROOT / "monitoring"


@pytest.fixture(scope="session", params=GENERATIONS)
def tools(request: pytest.FixtureRequest) -> ToolSet:
    """The real programs: each test that uses this runs with Prometheus 2.42 (or what this machine has) and with 3."""
    return find_tools(request.param, project_dir=ROOT)


@pytest.fixture(scope="session")
def stable_tools() -> ToolSet:
    """The programs that the lab uses, for what does not depend on the generation."""
    return find_tools("stable", project_dir=ROOT)


def eventually(ask: Callable[[], Answer | None], what: str, deadline_seconds: float = DEADLINE_SECONDS) -> Answer:
    """The first answer that is not None; fails after the deadline."""
    until = time.monotonic() + deadline_seconds
    while time.monotonic() < until:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.05)
    return pytest.fail(f"{what}: not within {deadline_seconds:.0f} s")


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


@dataclass(slots=True)
class Page:
    """One path of the exposition server; the body is made anew for each request, from the number of requests so far."""

    body: Callable[[int], str]
    asked: int = 0


@dataclass(slots=True)
class Web:
    """A loopback server: pages to scrape, and posts that it remembers with their headers."""

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def alerts_at(self, path: str) -> set[str]:
        """Names of the alerts that were posted to this path."""
        bodies = [body for posted, _, body in list(self.posts) if posted == path]
        return {alert["labels"]["alertname"] for body in bodies for alert in body["alerts"]}


@pytest.fixture
def web() -> Iterator[Web]:
    """A running server without pages."""
    with _serving() as served:
        yield served


@contextlib.contextmanager
def _serving() -> Iterator[Web]:
    served = Web(port=0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = served.pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            page.asked += 1
            self._answer(page.body(page.asked).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.posts.append((self.path, dict(self.headers), json.loads(body)))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _open(request: str | urllib.request.Request, seconds: float) -> Any:
    return urllib.request.urlopen(request, timeout=seconds)  # noqa: S310 - only ever an address of our own


def ask(url: str, **parameters: str) -> Any:
    """The decoded JSON of a GET; Prometheus' own error text fails the test."""
    full = f"{url}?{urllib.parse.urlencode(parameters)}" if parameters else url
    try:
        with _open(full, 5) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return pytest.fail(f"{parameters or url}: {error.code} {error.read().decode()}")


@contextlib.contextmanager
def running(arguments: list[str | Path], ready_url: str, log: Path) -> Iterator[None]:
    """A process that answers at ready_url; stopped at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:

        def is_ready() -> bool | None:
            if process.poll() is not None:
                return pytest.fail(f"{arguments[0]} ended:\n{log.read_text()[-3000:]}")
            try:
                with _open(ready_url, 1):
                    return True
            except OSError:
                return None

        eventually(is_ready, f"{arguments[0]} ready")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The result of an instant query; fails with Prometheus' own words where it is wrong."""
        result = ask(f"{self.url}/api/v1/query", query=expr)["data"]["result"]
        return result if isinstance(result, list) else [result]

    def data(self, expr: str) -> list[dict[str, Any]]:
        """The result of an instant query as soon as there is one."""
        found: list[dict[str, Any]] = eventually(lambda: self.query(expr) or None, expr)
        return found

    def label_values(self, label: str, match: str) -> list[str]:
        """What the label is, as soon as there is a series that matches."""
        url = f"{self.url}/api/v1/label/{label}/values"
        values: list[str] = eventually(lambda: ask(url, **{"match[]": match})["data"] or None, match)
        return values


@pytest.fixture
def start_prometheus(tmp_path: Path, monitoring: Path) -> Iterator[Callable[..., Prometheus]]:
    """Starts a Prometheus with the shipped rules, which scrapes jobs (URLs by name) five times a second."""
    with contextlib.ExitStack() as stack:

        def start(tools: ToolSet, jobs: dict[str, str]) -> Prometheus:
            port = free_port()
            scrapes = [_job(name, url) for name, url in {**jobs, "prometheus": f"127.0.0.1:{port}/metrics"}.items()]
            quick = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
            rules = [str(monitoring / "rules" / "*.yml")]
            config = tmp_path / "prometheus.yml"
            config.write_text(yaml.safe_dump({"global": quick, "rule_files": rules, "scrape_configs": scrapes}))
            arguments: list[str | Path] = [
                tools.prometheus,
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            ready = f"http://127.0.0.1:{port}/-/ready"
            stack.enter_context(running(arguments, ready, tmp_path / "prometheus.log"))
            return Prometheus(port)

        yield start


def _job(name: str, url: str) -> dict[str, Any]:
    address, _, path = url.partition("/")
    return {"job_name": name, "metrics_path": f"/{path}", "static_configs": [{"targets": [address]}]}


@pytest.fixture
def start_alertmanager(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts an Alertmanager with these settings and says its URL."""
    with contextlib.ExitStack() as stack:

        def start(tools: ToolSet, settings: dict[str, Any]) -> str:
            port = free_port()
            config = tmp_path / "alertmanager.yml"
            config.write_text(yaml.safe_dump(settings))
            arguments: list[str | Path] = [
                tools.alertmanager,
                f"--config.file={config}",
                f"--storage.path={tmp_path / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ]
            url = f"http://127.0.0.1:{port}"
            stack.enter_context(running(arguments, f"{url}/-/ready", tmp_path / "alertmanager.log"))
            return url

        yield start


@pytest.fixture
def crm_page() -> Callable[..., Page]:
    """What the CRM exposes by the contract; every scrape finds ten more requests of each tenant."""
    return lambda **failing: Page(lambda asked: _crm_metrics(asked, **failing))


@pytest.fixture
def agent_page() -> Page:
    """What the agent exposes by the contract, with everything counting up at each scrape."""
    return Page(_agent_metrics)


def _crm_metrics(asked: int, *, failing: str = "") -> str:
    lines = [
        "crm_db_pool_in_use 2",
        "crm_db_pool_size 5",
        "crm_database_up 1",
        'crm_build_info{version="1.0.0"} 1',
        *_histogram("crm_db_pool_wait_seconds", "", asked),
        *_process_metrics(asked),
    ]
    for tenant in ("acme-corp", "vip-umbrella"):
        lines.append(f'crm_leads_created_total{{tenant="{tenant}",source="web"}} {asked}')
        status = "5xx" if tenant == failing else "2xx"
        labels = f'route="/api/leads",method="GET",status_class="{status}",tenant="{tenant}"'
        lines.append(f"crm_http_requests_total{{{labels}}} {10 * asked}")
        lines += _histogram("crm_http_request_duration_seconds", f"{labels},", 10 * asked)
    return "\n".join(lines) + "\n"


def _agent_metrics(asked: int) -> str:
    series = {
        'aether_agent_health_checks_total{status="ok"}': asked,
        'aether_agent_alerts_total{alertname="CrmApiDown",severity="critical"}': asked,
        'aether_agent_build_info{version="0.1.0"}': 1,
        'aether_agent_incidents_open{severity="critical"}': 1,
        'aether_agent_actions_total{verb="restart",outcome="done"}': asked,
        'aether_agent_decisions_total{effect="allow",rule="mode"}': asked,
        'aether_agent_decisions_total{effect="deny",rule="fleet_budget_holds"}': asked,
        'aether_agent_verdicts_total{verdict="recovered"}': asked,
        "aether_agent_paused": 0,
        'aether_agent_delivery_attempts_total{channel="chat",outcome="done"}': asked,
        'aether_agent_deliveries{channel="chat",state="dead"}': 1,
        'aether_agent_outbox_oldest_seconds{channel="chat"}': 0,
        'aether_agent_source_up{source="prod",kind="prometheus"}': 1,
        'aether_agent_source_up{source="prod",kind="alertmanager"}': 1,
    }
    lines = [f"{name} {value}" for name, value in series.items()]
    for name, labels in (("recovery", ""), ("stage", 'stage="act",')):
        lines += _histogram(f"aether_agent_{name}_seconds", labels, asked)
    return "\n".join([*lines, *_process_metrics(asked)]) + "\n"


def _histogram(name: str, labels: str, count: int) -> list[str]:
    bounds = [f'{name}_bucket{{{labels}le="{bound}"}} {count}' for bound in ("0.25", "0.5", "1.0", "+Inf")]
    plain = f"{{{labels.removesuffix(',')}}}" if labels else ""
    return [
        "# TYPE " + name + " histogram",
        *bounds,
        f"{name}_count{plain} {count}",
        f"{name}_sum{plain} {count / 100}",
    ]


def _process_metrics(asked: int) -> list[str]:
    return [
        "process_resident_memory_bytes 104857600",
        f"process_cpu_seconds_total {asked / 100}",
        "process_open_fds 20",
        "process_start_time_seconds 1000000000",
    ]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule as shipped."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    is_waiting: bool  # has a `for`


@pytest.fixture(scope="session")
def alert_rules() -> list[AlertRule]:
    """Every alerting rule of monitoring/rules."""
    rules: list[AlertRule] = []
    for file in sorted((ROOT / "monitoring" / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            rules += [
                AlertRule(rule["alert"], rule["labels"], rule["annotations"], "for" in rule)
                for rule in group["rules"]
                if "alert" in rule
            ]
    return rules
