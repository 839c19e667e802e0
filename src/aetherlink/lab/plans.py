"""How each service of the lab is run: program, arguments, environment, probe. One function a service.

Called by the supervisor once ports, tools and files are settled. Nothing is started here.
"""

import json
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from aetherlink.lab import configs, files, logs, postgres, probes, processes
from aetherlink.lab.addresses import HOST
from aetherlink.lab.errors import LabError, LabSettingsError, LabStartError
from aetherlink.lab.layout import Layout
from aetherlink.lab.options import CRM_REPLICAS_MAX, LabOptions
from aetherlink.lab.postgres import PostgresHome
from aetherlink.lab.processes import Launch
from aetherlink.lab.services import ServicePlan
from aetherlink.lab.tools import ToolSet
from aetherlink.lab.waiting import to_its_end, until

CRM_RELEASES = ("1.0.0", "1.1.0")
_PROBE_SECONDS = 1.5
_MIGRATE_SECONDS = 60.0
_LEFTOVER_SECONDS = 5.0
# For an environment that was put together by a search path: it has no `aether` beside its Python.
_AGENT_WITHOUT_SCRIPT = "from aetherlink.cli import main; main()"


@dataclass(frozen=True, slots=True)
class LabPlan:
    """Everything that the plans are made from."""

    options: LabOptions
    layout: Layout
    tools: ToolSet
    ports: Mapping[str, int]
    crm_ports: tuple[int, ...]
    crm_listener: socket.socket
    client: httpx.AsyncClient

    def url(self, service: str) -> str:
        """Where the service answers."""
        return f"http://{HOST}:{self.ports[service]}"

    def env(self, **own: str) -> dict[str, str]:
        """The environment of a child: the lab's own words, the caller's additions above them."""
        return {**own, **self.options.environment}


def prometheus(lab: LabPlan) -> ServicePlan:
    """The program, on the rewritten settings."""
    layout, url = lab.layout, lab.url("prometheus")
    argv = (
        str(lab.tools.prometheus),
        f"--config.file={layout.config / 'prometheus.yml'}",
        f"--storage.tsdb.path={layout.data('prometheus')}",
        "--storage.tsdb.retention.time=7d",
        "--storage.tsdb.retention.size=1GB",
        f"--web.listen-address={HOST}:{lab.ports['prometheus']}",
        f"--web.external-url={url}",
        "--log.level=warn",
    )
    return _web_service(lab, "prometheus", argv, "/-/ready", "/-/healthy")


def alertmanager(lab: LabPlan) -> ServicePlan:
    """The program, without gossip."""
    layout, url = lab.layout, lab.url("alertmanager")
    argv = (
        str(lab.tools.alertmanager),
        f"--config.file={layout.config / 'alertmanager.yml'}",
        f"--storage.path={layout.data('alertmanager')}",
        f"--web.listen-address={HOST}:{lab.ports['alertmanager']}",
        f"--web.external-url={url}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )
    return _web_service(lab, "alertmanager", argv, "/-/ready", "/-/healthy")


def agent(lab: LabPlan) -> ServicePlan:
    """`aether serve` on the settings that the lab writes."""
    script = lab.options.python.with_name("aether")
    program = (str(script),) if script.exists() else (str(lab.options.python), "-c", _AGENT_WITHOUT_SCRIPT)
    argv = (*program, "serve", "--config", str(lab.layout.config / "aether.yaml"))
    return _web_service(lab, "agent", argv, "/livez", "/readyz", env=lab.env(**lab.options.agent_environment))


def database(lab: LabPlan, home: PostgresHome) -> ServicePlan:
    """The lab's own PostgreSQL."""
    log = lab.layout.log("postgres")
    probe = probes.postgres_probe(home.socket, user=postgres.USER, database=postgres.DATABASE, seconds=_PROBE_SECONDS)

    async def prepare() -> None:
        await _await_leftovers(home)
        postgres.forget_stale_files(home)
        await to_its_end(postgres.create_cluster, home, log)

    return ServicePlan(
        "postgres",
        log,
        launch=lambda _index, _release: postgres.launch(home, log),
        probe=lambda _index: probe,
        url=home.url,
        before_start=prepare,
        stop_signal=signal.SIGINT,  # its "fast" shutdown: sessions are ended, the data is put in order
    )


def crm(lab: LabPlan, database_url: str) -> ServicePlan:
    """The CRM: one shared listening socket for its users, and for each replica a port for scrapes and probes."""
    log = lab.layout.log("crm")
    common = lab.env(CRM_DATABASE_URL=database_url, CRM_FAULTS_ENABLED=str(lab.options.faults).lower())

    def launch(index: int, release: str | None) -> Launch:
        env = {
            **common,
            "CRM_LISTEN": f"{HOST}:{lab.crm_ports[index]}",
            "CRM_LISTEN_FD": str(lab.crm_listener.fileno()),
            "CRM_RELEASE": release or lab.options.release,
        }
        return Launch(_crm_command(lab, "serve"), lab.layout.root, log, env, pass_fds=(lab.crm_listener.fileno(),))

    async def migrate() -> None:
        step = Launch(_crm_command(lab, "migrate"), lab.layout.root, log, common)
        if await processes.run(step, seconds=_MIGRATE_SECONDS) != 0:
            raise LabStartError(f"the CRM's tables could not be made; the end of {log}:\n{logs.tail(log)}")

    return ServicePlan(
        "crm",
        log,
        launch=launch,
        probe=lambda index: _crm_probe(lab, index),
        url=lab.url("crm"),
        ports=lab.crm_ports,
        releases=CRM_RELEASES,
        release=lab.options.release,
        max=CRM_REPLICAS_MAX,
        wanted=lab.options.replicas,
        before_start=migrate,
        on_ports=lambda ports: write_crm_targets(lab.layout, ports),
    )


def traffic(lab: LabPlan) -> ServicePlan:
    """The CRM's traffic generator."""
    log = lab.layout.log("traffic")
    env = lab.env(CRM_TRAFFIC_URL=lab.url("crm"), CRM_TRAFFIC_RATE=str(lab.options.traffic_rate))
    start = Launch(_crm_command(lab, "traffic"), lab.layout.root, log, env)
    return ServicePlan("traffic", log, launch=lambda _index, _release: start, probe=lambda _index: probes.always_well)


def write_crm_targets(layout: Layout, ports: Sequence[int]) -> None:
    """Tell Prometheus which replicas are wanted; one that is dead stays in the list and so is seen as down."""
    targets = configs.crm_targets([f"{HOST}:{port}" for port in ports])
    files.write_atomic(layout.crm_targets, json.dumps(targets, indent=2) + "\n")


def _web_service(
    lab: LabPlan, name: str, argv: tuple[str, ...], *paths: str, env: Mapping[str, str] | None = None
) -> ServicePlan:
    url, log = lab.url(name), lab.layout.log(name)
    start = Launch(argv, lab.layout.root, log, lab.env() if env is None else env)
    probe = probes.http_probe(lab.client, *(f"{url}{path}" for path in paths), seconds=_PROBE_SECONDS)
    return ServicePlan(
        name,
        log,
        launch=lambda _index, _release: start,
        probe=lambda _index: probe,
        url=url,
        ports=(lab.ports[name],),
    )


def _crm_probe(lab: LabPlan, index: int) -> probes.Probe:
    base = f"http://{HOST}:{lab.crm_ports[index]}"
    return probes.http_probe(lab.client, f"{base}/livez", f"{base}/readyz", seconds=_PROBE_SECONDS)


def _crm_command(lab: LabPlan, verb: str) -> tuple[str, ...]:
    return (str(lab.options.python), "-m", "peakpro_crm", verb)


async def _await_leftovers(home: PostgresHome) -> None:
    """Wait for a server whose lab was killed a moment ago: it is on its way out."""
    if not await until(lambda: not postgres.leftovers(home), seconds=_LEFTOVER_SECONDS):
        pids = ", ".join(str(process.pid) for process in postgres.leftovers(home))
        raise LabError(f"a PostgreSQL server still works in {home.data} (pid {pids}): end it and try again")


def sqlalchemy_url(url: str) -> str:
    """A PostgreSQL URL as people have it in DATABASE_URL, for SQLAlchemy with psycopg 3. Raises LabSettingsError."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise LabSettingsError("DATABASE_URL is not PostgreSQL's: write postgresql://user:password@host:port/database")
    return f"postgresql+psycopg://{rest}"
