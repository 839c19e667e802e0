"""A storm: many incidents that all want to act, an agent in auto mode that may, and hands that take their time.

Prometheus and the agent are real processes; the lab is the thin one of rigs/lab_server.py, in a thread.
"""

import asyncio
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from aetherlink.lab.tools import find_tools
from rigs import warm_aether
from rigs.agent_process import environment, free_port, serving, wait_until, wait_until_ready
from rigs.exposition import Exposition
from rigs.lab_server import LabServer, lab_server
from rigs.warm_aether import WarmAether

TARGETS = 40
_ROOT = Path(__file__).parents[2]
_SLOW = 0.15  # seconds of each restart
_JOB = "storm"


class SlowLab(LabServer):
    """Every change takes a while, so that a pause falls between two of them."""

    async def _answer(self, method: str, path: str, wish: dict[str, object]) -> bytes:
        if method == "POST":
            await asyncio.sleep(_SLOW)
        return await super()._answer(method, path, wish)


@contextmanager
def _lab() -> Iterator[Path]:
    """The socket of a lab that runs in a thread of its own."""
    sockets: list[Path] = []
    is_up, is_over = threading.Event(), threading.Event()

    async def run() -> None:
        async with lab_server(SlowLab) as server:
            sockets.append(server.socket)
            is_up.set()
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert is_up.wait(30)
        yield sockets[0]
    finally:
        is_over.set()
        thread.join()


@contextmanager
def calm_prometheus(folder: Path) -> Iterator[str]:
    """The URL of a real Prometheus that scrapes one target, which is up."""
    target = Exposition(_JOB, 0)
    target.start()
    config = folder / "prometheus.yml"
    job = f"{{job_name: {_JOB}, static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]}}"
    config.write_text(f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{job}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    program = find_tools("stable", project_dir=_ROOT).prometheus
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}", "--log.level=warn"]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen([program, *arguments, f"--web.listen-address={url[7:]}"], stderr=log)
    try:
        wait_until(lambda: _is_scraped(url), "Prometheus has scraped its target")
        yield url
    finally:
        process.kill()
        process.wait()
        target.kill()


def _is_scraped(url: str) -> bool:
    try:
        return '"1"' in httpx.get(f"{url}/api/v1/query", params={"query": f'up{{job="{_JOB}"}}'}).text
    except httpx.TransportError:
        return False


@dataclass
class Storm:
    """The agent in the storm. `stop` is the file that pauses it."""

    folder: Path
    settings: dict[str, str]
    sent: int = 0
    _process: subprocess.Popen[str] | WarmAether | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where the agent is."""
        return f"http://{self.settings['AETHER_LISTEN']}"

    @property
    def stop(self) -> Path:
        """The file that pauses it."""
        return self.folder / "stop"

    @contextmanager
    def serving(self, **variables: str) -> Iterator["Storm"]:
        """The agent, from a start to kill -9."""
        with serving(self.settings | variables, self.folder) as self._process:
            wait_until_ready(self.settings)
            yield self

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request with the operator's token."""
        token = (self.folder / "data" / "operator.token").read_text().strip()
        return httpx.request(method, f"{self.url}{path}", headers={"Authorization": f"Bearer {token}"}, **more)

    def aether(self, *arguments: str) -> None:
        """A command, which has to go well."""
        warm_aether.run(arguments, self.settings, self.folder).check_returncode()

    def blow(self, count: int) -> None:
        """So many more alerts, each of a service and a target of its own that wants to be restarted."""
        for number in range(self.sent, self.sent + count):
            labels = {"alertname": f"Storm{number}", "service": f"storm-{number}", "job": _JOB, "severity": "critical"}
            alert = {"status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat()}
            httpx.post(f"{self.url}/alertmanager", json={"alerts": [alert]}).raise_for_status()
        self.sent += count

    def actions(self) -> list[dict[str, Any]]:
        """All of them, as they stand."""
        found: list[dict[str, Any]] = []
        path = "/api/v1/actions?limit=200"
        while path:
            page = httpx.get(f"{self.url}{path}").raise_for_status().json()
            found += page["items"]
            path = f"/api/v1/actions?limit=200&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        return found

    def starts(self) -> list[datetime]:
        """When those began that did."""
        return [datetime.fromisoformat(one["started_at"]) for one in self.actions() if one["started_at"]]

    def wait_for_starts(self, count: int) -> None:
        """Until at least so many began."""
        wait_until(lambda: len(self.starts()) >= count, f"{count} actions began")

    def wait_for_refusals(self, services: Sequence[int], rule: str = "agent_is_not_paused") -> None:
        """Until what was decided last about each of these targets is against it, by this rule."""
        wait_until(lambda: set(services) <= self._refused(rule), f"all of {len(services)} are refused by {rule}")

    def _refused(self, rule: str) -> set[int]:
        return {int(one["target"].removeprefix("t-")) for one in self.actions() if one["rule"] == rule}


@contextmanager
def storm(folder: Path, prometheus: str) -> Iterator[Storm]:
    """Everything but the agent itself, which a test starts."""
    with _lab() as socket:
        made = Storm(folder, environment(folder))
        made.settings |= {"PROM_URL": prometheus, "AETHER_CONFIG": str(_configuration(folder, socket, made.stop))}
        yield made


def _configuration(folder: Path, socket: Path, stop: Path) -> Path:
    playbooks = folder / "playbooks"
    playbooks.mkdir()
    for number in range(TARGETS):
        (playbooks / f"storm-{number}.yaml").write_text(yaml.safe_dump(_playbook(number)))
    settings = {
        "mode": "auto",
        "playbooks_dir": str(playbooks),
        "pause_file": str(stop),
        "health": {"enabled": False},
        "pipeline": {"redecide_interval": "300ms"},
        "lab": {"control_socket": str(socket)},
        "targets": {f"t-{number}": {"executor": "lab", "service": "crm", "max": 4} for number in range(TARGETS)},
    }
    file = folder / "aether.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def _playbook(number: int) -> dict[str, Any]:
    return {
        "name": f"storm-{number}",
        "match": {"alertname": f"Storm{number}"},
        "target": f"t-{number}",
        "bind": ["job"],
        "when": "up == 1",
        "action": {"restart": {}},
        "verify": {"query": "up == 1", "for": "0s", "within": "10s"},
        "mode": "auto",
    }
