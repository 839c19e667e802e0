"""A real agent API on a free loopback port: uvicorn, the webhook in front, the SQLite store, real tokens, real policy.

Real as well: Prometheus, in a temporary folder. Left out: the pipeline (nothing acts) and the health loop (a test says
what it last read). A small HTTP server plays the Prometheus that is slow or talks nonsense.
"""

import asyncio
import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from aetherlink.access.gate import Gate
from aetherlink.access.oidc import OidcDoor
from aetherlink.access.oidc_options import CALLBACK
from aetherlink.access.oidc_record import SignInRecord
from aetherlink.access.options import AuthOptions
from aetherlink.access.public_place import PublicPlace, place_of
from aetherlink.access.sessions import SessionBook, Vouched
from aetherlink.access.sign_in import SignIn
from aetherlink.access.throttle import SignInThrottle
from aetherlink.access.token_files import file_principals
from aetherlink.access.tokens import Bounds, TokenBook
from aetherlink.agent_record import AgentRecord
from aetherlink.api.app import build_api
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.audit.anchor_file import AnchorFile
from aetherlink.audit.anchoring import Anchoring
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.clients.credentials import read_secret, read_tls
from aetherlink.clients.identity_provider import IdentityProvider, Registration
from aetherlink.clients.options import ClientOptions
from aetherlink.clients.prometheus import PrometheusClient
from aetherlink.clients.source_options import TlsOptions
from aetherlink.commands import ActionOptions, Commands
from aetherlink.console import registry as pages
from aetherlink.delivery_commands import DeliveryCommands
from aetherlink.incident_commands import IncidentCommands
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.intake.options import IntakeOptions
from aetherlink.intake.webhook import IntakeMetrics, WebhookIntake
from aetherlink.lab.tools import find_tools
from aetherlink.lib.clock import SystemClock
from aetherlink.lib.ids import SortableIds
from aetherlink.mcp import door
from aetherlink.mcp.metrics import McpMetrics
from aetherlink.mcp.options import McpOptions
from aetherlink.model.actions import Target
from aetherlink.model.dashboards import Dashboard
from aetherlink.model.decisions import Mode
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import SourceName, TargetName
from aetherlink.model.playbooks import Playbook
from aetherlink.model.principals import Scope
from aetherlink.model.sources import SourceState
from aetherlink.pause_commands import PauseCommands
from aetherlink.pausing.outside_pause import PauseFile
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.playbooks.book import Book
from aetherlink.playbooks.loader import load_playbooks
from aetherlink.policy.decide import decide
from aetherlink.promotion_commands import PromotionCommands
from aetherlink.queries.desk import GuardedDesk
from aetherlink.queries.metrics import ProxyMetrics
from aetherlink.queries.options import QueryOptions
from aetherlink.store.database import SqlStore
from aetherlink.testing import fixed_key
from aetherlink.web.feed import Feed
from aetherlink.web.services import ApiServices, Stance
from rigs import warm_aether
from rigs.briefing import briefing_of, trials_of
from rigs.databases import empty_file
from rigs.reception import build_reception
from rigs.scripted_voice import ScriptedVoice
from rigs.standing_api import StandingApis

ROOT = Path(__file__).parents[3]
AETHER = Path(sys.executable).with_name("aether")
SOURCE = SourceName("lab")
CRM = Target(TargetName("crm-api"), "lab", "crm", minimum=1, maximum=4)
DEADLINE_SECONDS = 20.0
_APIS = StandingApis()


@dataclass
class World:
    """What the agent is told of itself; tests change it while it runs."""

    latest: HealthReading | None = None
    tenants: Sequence[HealthReading] = ()
    reasons: Sequence[str] = ()
    dashboard: Dashboard | None = None
    sources: Sequence[SourceState] = ()
    wakes: int = 0
    freezes: Sequence[str] = ()
    blind: Sequence[SourceName] = ()
    voice: ScriptedVoice = field(default_factory=ScriptedVoice)

    async def standing(self) -> dict[str, dict[str, object]]:
        """What its stream tells whenever it changes."""
        return {"state": {"blind": sorted(self.blind)}}

    @property
    def present(self) -> Sequence[HealthReading]:
        return [*([self.latest] if self.latest else []), *self.tenants]

    def wake(self) -> None:
        self.wakes += 1


@dataclass
class Agent:
    """A running API, and what stands behind it."""

    url: str
    data_dir: Path
    store: SqlStore
    services: ApiServices
    world: World
    client: httpx.Client
    secrets: dict[str, str] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None

    def call(self, method: str, path: str, *, token: str | None = None, **more: object) -> httpx.Response:
        """One request as this machine sends it, with the named token if any."""
        headers = httpx.Headers(more.pop("headers", None))
        if token:
            headers["Authorization"] = f"Bearer {self.secrets[token]}"
        return self.client.request(method, self.url + path, headers=headers, **more)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {DEADLINE_SECONDS:g} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Prometheus that scrapes nothing."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    command = [
        str(find_tools(project_dir=ROOT).prometheus),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
        return False

    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(is_ready, "a ready Prometheus")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE_SECONDS)


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[http.server.BaseHTTPRequestHandler], None]], str]]:
    """A factory: an HTTP server that answers each POST as the given function does; returns its URL."""
    servers: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                with contextlib.suppress(ConnectionError):
                    answer(self)

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):
                    answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


StartAgent = Callable[..., Agent]


@pytest.fixture
def start_agent(tmp_path: Path, prometheus: str) -> Iterator[StartAgent]:
    """A factory of running agents; every one is stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(
            *,
            auth: AuthOptions | None = None,
            mode: Mode = Mode.OBSERVE,
            actions: dict[str, ActionOptions] | None = None,
            targets: Sequence[Target] = (CRM,),
            prometheus_url: str = prometheus,
            patience: timedelta = timedelta(seconds=5),
            requester_may_approve: bool = True,
            external_url: str | None = None,
            queries: QueryOptions | None = None,
            mcp: McpOptions | None = None,
        ) -> Agent:
            client = PrometheusClient(prometheus_url, ClientOptions(deadline=patience))
            options = auth or AuthOptions()
            agent, metrics = _build(
                tmp_path,
                options,
                client,
                mode=mode,
                actions=actions or {},
                targets=targets,
                requester_may_approve=requester_may_approve,
                external_url=external_url,
                queries=queries,
                patience=patience,
            )
            stack.callback(agent.store.close)
            stack.enter_context(agent.client)
            api = (
                stack.enter_context(_APIS.of(agent.services)) if mcp is None else _with_assistants(agent.services, mcp)
            )
            intake = _webhook(agent, api, metrics)
            stack.enter_context(_served(intake, agent, client))
            return agent

        yield start


@pytest.fixture
def agent(start_agent: StartAgent) -> Agent:
    """An agent as `aether serve` has it by default: mode local, observing, one target, no action configured."""
    return start_agent()


def _build(
    folder: Path,
    auth: AuthOptions,
    client: PrometheusClient,
    *,
    mode: Mode,
    actions: dict[str, ActionOptions],
    targets: Sequence[Target],
    requester_may_approve: bool,
    external_url: str | None,
    queries: QueryOptions | None = None,
    patience: timedelta = timedelta(seconds=5),
) -> tuple[Agent, AlertMetrics]:
    clock, ids, world, registry = SystemClock(), SortableIds(), World(), CollectorRegistry()
    Counter("aether_agent_health_checks", "Health checks.", ["status"], registry=registry).labels("ok")
    store = SqlStore(empty_file(folder / "data" / "aether.db"), key=fixed_key)
    store.open()
    fixed = file_principals(folder / "data", auth.webhook_token_file)
    tokens = TokenBook(store, clock=clock, ids=ids, fixed=fixed, sources={SourceName("default"), SourceName("prod")})
    secrets = asyncio.run(_issued(tokens))
    secrets["operator"] = (folder / "data" / "operator.token").read_text().strip()
    oidc = auth.oidc
    root = "" if oidc is None else oidc.root(read_secret(oidc.client_secret_file, "client_secret_file"))
    vouched = None if oidc is None else Vouched(root, oidc.lifetime)
    sessions = SessionBook(store, tokens, clock=clock, ids=ids, options=auth.sessions, vouched=vouched)
    place = place_of(external_url)
    gate = Gate(tokens, options=auth, sessions=sessions, place=place)
    commands = Commands(
        store,
        decide,
        briefing_of(targets, clock, mode),
        clock=clock,
        ids=ids,
        waker=world,
        actions=actions,
        source=SOURCE,
        per_hour=100,
        is_vip=lambda tenant: tenant.startswith("vip-"),
        count=PipelineMetrics(registry).action_stored,
    )
    alert_metrics = AlertMetrics(registry)
    sink = build_reception(store, clock=clock, ids=ids, waker=world, metrics=alert_metrics)
    book = Book(_builtin_playbooks(), ceiling=mode, modes={})
    services = ApiServices(
        store=store,
        gate=gate,
        tokens=tokens,
        sign_in=_sign_in(auth, sessions, place, store, patience),
        commands=commands,
        incident_commands=IncidentCommands(store, clock=clock, waker=world),
        approval_commands=ApprovalCommands(
            store,
            clock=clock,
            waker=world,
            record=AgentRecord(ids=ids, source=SOURCE),
            requester_may_approve=requester_may_approve,
        ),
        delivery_commands=DeliveryCommands(
            store, clock=clock, record=AgentRecord(ids=ids, source=SOURCE), voice=world.voice
        ),
        voice=world.voice,
        pause_commands=PauseCommands(
            store,
            clock=clock,
            waker=world,
            record=AgentRecord(ids=ids, source=SOURCE),
            known=lambda: {"target": [CRM.name], "source": [SOURCE], "playbook": ["restart-crm-api"]},
        ),
        outside_pause=PauseFile(folder / "pause", is_set=False),
        stance=Stance(mode=mode, freezes=lambda _: world.freezes, blind_sources=lambda: world.blind),
        health=world,
        anchors=Anchoring(
            AnchorFile(folder / "data" / "audit.anchors"),
            lambda: store.tally,
            interval=timedelta(minutes=5),
            clock=clock,
            metrics=AuditMetrics(registry),
        ),
        ledger=sink,
        promotion_commands=PromotionCommands(
            store, clock=clock, waker=world, record=AgentRecord(ids=ids, source=SOURCE), playbooks=book
        ),
        playbooks=book,
        trials=trials_of(targets, store, book),
        clock=clock,
        queries={SOURCE: client},
        query_desk=GuardedDesk(
            {SOURCE: client},
            queries or QueryOptions(),
            tenant_label="tenant",
            clock=clock,
            metrics=ProxyMetrics(registry),
        ),
        metrics=registry,
        version="0.0.0-test",
        base_path=place.base_path,
        sources=lambda: world.sources,
        feed=Feed(store, newest=lambda: store.tally.number, present=world.standing),
        readiness=lambda: world.reasons,
        graphs_of=lambda incident: "" if world.dashboard is None else world.dashboard.link(incident),
    )
    browser = httpx.Client(timeout=10, trust_env=False, verify=False)  # noqa: S501 - plain HTTP; a TLS context is slow
    return Agent("", folder / "data", store, services, world, browser, secrets), alert_metrics


def _sign_in(
    auth: AuthOptions, sessions: SessionBook, place: PublicPlace, store: SqlStore, patience: timedelta
) -> SignIn:
    clock, oidc = SystemClock(), auth.oidc
    throttle = SignInThrottle(clock)
    if oidc is None:
        return SignIn(sessions, throttle, place)
    own = Registration(
        oidc.issuer,
        oidc.client_id,
        read_secret(oidc.client_secret_file, "client_secret_file"),
        f"{place.origin}{place.base_path}{CALLBACK}",
        oidc.scopes,
        read_tls(TlsOptions()),
    )
    provider = IdentityProvider(own, ClientOptions(deadline=patience), clock=clock)
    record = SignInRecord(store, AgentRecord(ids=SortableIds(), source=SOURCE), clock=clock, issuer=oidc.issuer)
    return SignIn(sessions, throttle, place, OidcDoor(oidc, provider, sessions, record, clock=clock))


def _with_assistants(services: ApiServices, options: McpOptions) -> FastAPI:
    """An API of its own, with this door for assistants, whose metrics are the agent's."""
    return build_api(services, (*pages.ROUTERS, *door.routers(options, McpMetrics(services.metrics))))


def _webhook(agent: Agent, api: FastAPI, counted: AlertMetrics) -> WebhookIntake:
    """The webhook in front of the API."""
    services = agent.services
    return WebhookIntake(
        api,
        gate=services.gate,
        sink=services.ledger,  # the reception is both
        store=services.store,
        sources=[SOURCE],
        clock=services.clock,
        options=IntakeOptions(),
        metrics=IntakeMetrics(services.metrics),
        counted=counted.filed,
    )


@cache
def _builtin_playbooks() -> Sequence[Playbook]:
    return load_playbooks(None)


async def _issued(tokens: TokenBook) -> dict[str, str]:
    """One token of each scope, one that was revoked, one that never was; one that is over, one of a tenant."""
    secrets = {"unknown": "aek_unknown-unknown-unknown-unknown"}
    for scope in Scope:
        _, secrets[scope.value] = await tokens.issue(f"{scope}-test", [scope], by="test")
    record, secrets["revoked"] = await tokens.issue("revoked", list(Scope), by="test")
    await tokens.revoke(record.id)
    bounds = {"expired": Bounds(expires_in=timedelta(microseconds=1)), "tenant": Bounds(tenant="acme-corp")}
    for name, bound in bounds.items():
        _, secrets[name] = await tokens.issue(f"{name}-test", [Scope.READ], by="test", bounds=bound)
    return secrets


@contextlib.contextmanager
def _served(app: WebhookIntake, agent: Agent, client: PrometheusClient) -> Iterator[None]:
    """Serve on a free port, on a thread with a loop of its own."""
    is_listening, loop, is_over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    agent.loop = loop
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # else asyncio leaves Nagle on: 40 ms an answer
        listener.bind(("127.0.0.1", 0))
        agent.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        async def serve() -> None:
            await _answer(app, listener, is_listening, is_over)
            await client.aclose()

        thread = threading.Thread(target=lambda: _run(loop, serve()))
        thread.start()
        try:
            assert is_listening.wait(DEADLINE_SECONDS), "no server listens"
            yield
        finally:
            loop.call_soon_threadsafe(is_over.set)
            thread.join()


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


async def _answer(
    app: WebhookIntake, listener: socket.socket, is_listening: threading.Event, is_over: asyncio.Event
) -> None:
    """What uvicorn does in `serve`; that one waits for 0.1 s until it sees that it is to end, and for another 0.1 s."""
    server = uvicorn.Server(config := uvicorn.Config(app, proxy_headers=False, log_level="error", lifespan="off"))
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    await server.on_tick(0)  # dates the answers
    is_listening.set()
    await is_over.wait()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    for served in server.servers:
        served.close()
    while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.002)


@pytest.fixture
def aether(tmp_path: Path):
    """Runs the command in an empty folder; returns the finished process."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": os.defpath, "HOME": str(tmp_path), **environment}
        return warm_aether.run(arguments, own, tmp_path)

    return run


@pytest.fixture
def settings_of(tmp_path: Path):
    """Writes a settings file that leads to the agent."""

    def write(agent) -> str:
        file = tmp_path / "agent.yaml"
        listen = agent.url.removeprefix("http://")
        file.write_text(json.dumps({"listen": listen, "data_dir": str(agent.data_dir)}))
        return str(file)

    return write
