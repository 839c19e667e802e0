"""The stack of monitoring/docker-compose.yml, brought up by a docker-compose beside whatever else the daemon runs.

The file is the shipped one. Variables and an override file give it a project's name, names of containers, ports and a
network of its own, local images, short intervals, and what a user would promote; Grafana is left out. All of it is
taken down by the project's name, which is random.
"""

import asyncio
import json
import logging
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from aetherlink.lab.drills.catalogue import DRILLS
from aetherlink.lab.drills.run import Report, run_drill
from aetherlink.lab.tools import find_tools
from aetherlink.lib.clock import SystemClock
from rigs.agent_process import free_port
from rigs.base_image import write_base_image
from rigs.containers import Container, build, docker, imported
from rigs.socket_proxy import docker_socket
from rigs.stack_images import StackImages, build_stack_images

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
PROMOTED = {
    "AETHER_MODE": "auto",
    "AETHER_VIP_MODE": "auto",
    "AETHER_PLAYBOOK_MODES": '{"restart-crm-api": "auto"}',
}
"""What a user sets who lets the agent restart the CRM; a VIP is among its tenants."""
OBSERVING = {"AETHER_MODE": "observe"}
_SERVICES = ("prometheus", "alertmanager", "aether-agent", "socket-proxy", "crm", "traffic")
_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Images:
    """Image ids of all that the stack runs."""

    agent: str
    crm: str
    others: StackImages

    @property
    def variables(self) -> dict[str, str]:
        """As the compose file wants them."""
        return {
            "AETHER_IMAGE": self.agent,
            "CRM_IMAGE": self.crm,
            "PROMETHEUS_IMAGE": self.others.prometheus,
            "ALERTMANAGER_IMAGE": self.others.alertmanager,
            "POSTGRES_IMAGE": self.others.postgres,
        }


@contextmanager
def local_images(folder: Path) -> Iterator[Images]:
    """All images, built beside each other as `docker compose up --build` does; they go in the end."""
    write_base_image(folder / "base.tar")
    context = folder / "programs"
    context.mkdir()
    with imported(folder / "base.tar") as base, ThreadPoolExecutor(max_workers=3) as pool:
        (folder / "base.tar").unlink()
        agent = pool.submit(build, ROOT, "agent", base=base)
        crm = pool.submit(build, ROOT / "pods" / "crm", "crm", base=base)
        others = pool.submit(build_stack_images, context, find_tools("stable", project_dir=ROOT), base=base)
        pool.shutdown()
        yield Images(agent=agent.result(), crm=crm.result(), others=others.result())


@dataclass
class ComposeStack:
    """One project. `seconds`: intervals of so many seconds in place of those of the shipped files; 0: as shipped."""

    compose: Path
    folder: Path
    images: Images
    seconds: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    found: dict[str, Container] = field(default_factory=dict)
    project: str = field(default_factory=lambda: f"aether-test-{secrets.token_hex(4)}")
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("AETHER", "PROMETHEUS", "ALERTMANAGER")}
    )
    subnet: str = field(default_factory=lambda: f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(256)}")

    @property
    def agent_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['AETHER']}"

    def up(self, **settings: str) -> None:
        """Start it, or bring what runs to these settings of the agent (`AETHER_MODE` and the like)."""
        self.settings.update(settings)
        self.found.clear()
        self._write_override()
        try:
            self._run("up", "--detach", "--no-build", *_SERVICES)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self._run('logs', '--no-color', '--tail', '10')}") from problem

    def down(self) -> None:
        """Remove what the project has: containers, network, volumes."""
        self._run("down", "--volumes", "--timeout", "3")

    def container(self, service: str) -> Container:
        """The one container of the service, whether it runs or not."""
        if service not in self.found:
            [id_] = self._run("ps", "--all", "--quiet", service).split()
            self.found[service] = Container(id_)
        return self.found[service]

    def ask(self, path: str) -> dict[str, Any]:
        """What the agent answers on its published port."""
        answer = httpx.get(self.agent_url + path, trust_env=False, timeout=5.0)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    @property
    def is_well(self) -> bool:
        """Whether the agent is ready and sees, the CRM and the proxy are healthy, and the CRM is not called down."""
        try:
            sources = self.ask("/health")["sources"]
            firing = [alert for alert in self.ask("/api/v1/alerts?limit=500")["items"] if alert["status"] == "firing"]
        except httpx.HTTPError:
            return False
        is_calm = all(alert["name"] != "CrmApiDown" for alert in firing)
        is_seen = bool(sources) and all(source["up"] for source in sources)
        return is_calm and is_seen and all(self.container(name).is_healthy for name in ("crm", "socket-proxy"))

    def drill(self, *, within: float = 180.0) -> Report:
        """The drill `crm-api-killed` of the lab, on the CRM's container; at most so many seconds."""
        running = run_drill(
            DRILLS["crm-api-killed"],
            _KilledContainer(self.container("crm")),
            ask=self._asked,
            clock=SystemClock(),
            tell=logging.getLogger(__name__).info,
            within=within,
        )
        return asyncio.run(running)

    async def _asked(self, path: str) -> Mapping[str, Any]:
        return await asyncio.to_thread(self.ask, path)

    def _run(self, *arguments: str) -> str:
        files = ["--file", MONITORING / "docker-compose.yml", "--file", self.folder / "override.yml"]
        done = subprocess.run(
            [self.compose, "--project-name", self.project, *files, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env=self._variables,
        )
        assert done.returncode == 0, f"{self.compose} {arguments}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    @property
    def _variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
        return {
            **kept,
            **self.images.variables,
            **{f"{name}_PORT": str(port) for name, port in self.ports.items()},
            "HOME": str(self.folder),
            "COMPOSE_PROJECT_NAME": self.project,
            "DOCKER_SOCKET": str(docker_socket()),
            "DOCKER_GID": str(docker_socket().stat().st_gid),
            "AETHER_SUBNET": f"{self.subnet}.0/24",
            "AETHER_GATEWAY": f"{self.subnet}.1",
            "CRM_PORTS": "0",
            "CRM_TRAFFIC_RATE": "5",
        }

    def _write_override(self) -> None:
        services: dict[str, dict[str, Any]] = {
            "aether-agent": {"container_name": f"{self.project}-agent", "environment": self.settings},
            "alertmanager": {"container_name": f"{self.project}-alertmanager"},
        }
        if self.seconds:
            self._quicken(services)
        (self.folder / "override.yml").write_text(json.dumps({"services": services}))

    def _quicken(self, services: dict[str, dict[str, Any]]) -> None:
        """The shipped files with other intervals, mounted over them."""
        prometheus, alertmanager = (_shipped(name) for name in ("prometheus-config.yml", "alertmanager.yml"))
        every = f"{self.seconds}s"
        prometheus["global"] = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
        for job in prometheus["scrape_configs"]:
            job.pop("scrape_interval", None)
        for route in alertmanager["route"]["routes"]:
            if route["receiver"] == "agent":
                route |= {"group_wait": "0s", "group_interval": every}
        mounts = {"prometheus": (prometheus, "prometheus.yml"), "alertmanager": (alertmanager, "alertmanager.yml")}
        for service, (content, name) in mounts.items():
            (self.folder / name).write_text(json.dumps(content))
            (self.folder / name).chmod(0o644)
            services.setdefault(service, {})["volumes"] = [f"{self.folder / name}:/etc/{service}/{name}:ro"]
        for service in ("crm", "postgres", "socket-proxy"):
            services[service] = {"healthcheck": {"interval": "1s", "retries": 60}}
        quick = {f"AETHER_PIPELINE__{name}_INTERVAL": every for name in ("VERIFY", "REDECIDE")}
        services["aether-agent"]["environment"] = {**quick, **self.settings}


@dataclass(frozen=True, slots=True)
class _KilledContainer:
    """See aetherlink.lab.drills.faults.Fault."""

    container: Container

    async def strike(self) -> str:
        await asyncio.to_thread(docker, "kill", self.container.id)
        return "killed"

    async def lift(self) -> str:
        await asyncio.to_thread(docker, "start", self.container.id)
        return "started"


def _shipped(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((MONITORING / name).read_text())
    return read


@contextmanager
def running_stack(
    compose: Path, folder: Path, images: Images, *, seconds: int, settings: Mapping[str, str] | None = None
) -> Iterator[ComposeStack]:
    """Up until the end of the block; what a failed start has left goes as well."""
    stack = ComposeStack(compose, folder, images, seconds=seconds)
    try:
        stack.up(**(settings or {}))
        yield stack
    finally:
        stack.down()
