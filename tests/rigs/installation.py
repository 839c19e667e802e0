"""A whole small installation, all of it real: two Alertmanagers that form a cluster, a Prometheus, and the agent.

Beside them `people`, who were told of alerts before the agent came.
"""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from aetherlink.lab.tools import ToolSet
from aetherlink.settings import Settings
from rigs import warm_aether
from rigs.agent_process import environment, free_port, serving, wait_until, wait_until_ready

OWN = 'alertname!~"AetherAgentDown|AetherAgentBlind"'
_RULES = {
    "groups": [
        {
            "name": "shop",
            "rules": [
                {"alert": "ShopDown", "expr": 'up{job="shop"} == 0', "labels": {"severity": "critical"}},
                {"alert": "AetherAgentDown", "expr": 'up{job="aether_agent"} == 0', "for": "1h"},
                {"alert": "AetherAgentBlind", "expr": "aether_agent_blind == 1"},
                {"record": "aether:health_score:15m", "expr": "vector(100)"},
            ],
        }
    ]
}
_PLAYBOOK = """\
name: act-on-tests
match: {alertname: AetherTestAlert}
target: shop
evidence: alert
bind: [job]
action: {restart: {}}
verify: {query: 'up == 1', for: 3s, within: 60s}
mode: auto
"""


@dataclass
class People:
    """The names of the alerts that they were told of."""

    told: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def listening(self) -> Iterator["People"]:
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.extend(one["labels"]["alertname"] for one in body["alerts"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}/chat"
            yield self
            server.shutdown()


@dataclass
class Installation:
    """Where everything is. `settings` is the agent's file as data."""

    folder: Path
    tools: ToolSet
    people: People
    environment: dict[str, str]
    prometheus: str
    alertmanagers: list[str]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def agent(self) -> str:
        return f"http://{self.environment['AETHER_LISTEN']}"

    @property
    def file(self) -> Path:
        return self.folder / "aether.yaml"

    @property
    def loaded(self) -> Settings:
        return Settings(**self.settings)

    def doctor(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """What `aether doctor --json` says: its exit code, its findings, and what it wrote beside."""
        done = warm_aether.run(["doctor", "--json", "--config", self.file, *arguments], self.environment, self.folder)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def routes(self, **own: Any) -> dict[str, Any]:
        """Alertmanager's file, with what the agent's route has otherwise."""
        quick = {"group_wait": "100ms", "group_interval": "300ms"}
        return {
            "route": {
                "receiver": "people",
                "group_by": ["..."],
                **quick,
                "routes": [
                    {"receiver": "agent", "continue": True, "matchers": [OWN], **own},
                    {"receiver": "people"},
                ],
            },
            "receivers": [
                {"name": "people", "webhook_configs": [{"url": self.people.url}]},
                {"name": "agent", "webhook_configs": [{"url": f"{self.agent}/alertmanager"}]},
            ],
        }

    def configure(self, config: dict[str, Any]) -> None:
        """Both Alertmanagers work with this from now on."""
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        for url in self.alertmanagers:
            httpx.post(f"{url}/-/reload").raise_for_status()

    def rules(self, *more: dict[str, str]) -> None:
        """Prometheus works with these rules as well from now on."""
        groups = [*_RULES["groups"], {"name": "more", "rules": [*more]}]
        (self.folder / "shop.yml").write_text(json.dumps({"groups": groups}))
        if more or (self.folder / "prometheus").exists():
            httpx.post(f"{self.prometheus}/-/reload").raise_for_status()


def is_there(url: str) -> bool:
    """Whether it says that it is ready."""
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _running(arguments: list[str | Path], log: Path) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen(arguments, stderr=output) as process:
        try:
            yield
        finally:
            process.kill()


def _prometheus(made: Installation) -> list[str | Path]:
    managers = [url.removeprefix("http://") for url in made.alertmanagers]
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "400ms", "evaluation_interval": "500ms"},
        "rule_files": [str(made.folder / "shop.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": managers}]}]},
        "scrape_configs": [
            {"job_name": "aether_agent", "static_configs": [{"targets": [made.agent.removeprefix("http://")]}]}
        ],
    }
    file = made.folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    listen = made.prometheus.removeprefix("http://")
    options = [f"--config.file={file}", f"--storage.tsdb.path={made.folder / 'prometheus'}", "--web.enable-lifecycle"]
    return [made.tools.prometheus, *options, f"--web.listen-address={listen}", "--log.level=warn"]


def _alertmanager(made: Installation, number: int, gossip: list[int]) -> list[str | Path]:
    listen = made.alertmanagers[number].removeprefix("http://")
    peers = [f"--cluster.peer=127.0.0.1:{port}" for port in gossip if port != gossip[number]]
    storage = made.folder / f"alertmanager-{number}"
    options = [f"--config.file={made.folder / 'alertmanager.yml'}", f"--storage.path={storage}", "--log.level=warn"]
    options += [f"--cluster.listen-address=127.0.0.1:{gossip[number]}", *peers, "--cluster.gossip-interval=50ms"]
    options.append("--cluster.peer-timeout=500ms")  # for so long the second one lets the first one tell
    return [made.tools.alertmanager, *options, f"--web.listen-address={listen}"]


def _write(made: Installation) -> None:
    books = made.folder / "playbooks"
    books.mkdir()
    (books / "act-on-tests.yaml").write_text(_PLAYBOOK)
    source = {"name": "prod", "prometheus": made.prometheus, "alertmanagers": made.alertmanagers, "receiver": "agent"}
    made.settings = {
        "mode": "auto",
        "listen": made.environment["AETHER_LISTEN"],
        "data_dir": str(made.folder / "data"),
        "sources": [source],
        "targets": {"shop": {"executor": "dry_run", "service": "shop"}},
        "playbooks_dir": str(books),
        "clients": {"deadline": "3s"},
    }
    made.file.write_text(yaml.safe_dump(made.settings))
    (made.folder / "alertmanager.yml").write_text(yaml.safe_dump(made.routes()))
    made.rules()


@contextmanager
def installation(folder: Path, tools: ToolSet) -> Iterator[Installation]:
    """All of it, until the end of the block, as it should be."""
    addresses = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
    settings = {key: value for key, value in environment(folder).items() if not key.endswith("_URL")}
    with ExitStack() as running:
        people = running.enter_context(People().listening())
        made = Installation(folder, tools, people, settings, addresses[0], addresses[1:])
        _write(made)
        running.enter_context(_running(_prometheus(made), folder / "prometheus.log"))
        gossip = [free_port(), free_port()]
        for number in range(2):
            log = folder / f"alertmanager-{number}.log"
            running.enter_context(_running(_alertmanager(made, number, gossip), log))
        running.enter_context(serving({**settings, "AETHER_CONFIG": str(made.file)}, folder))
        wait_until_ready(settings)
        for url in addresses:
            wait_until(lambda url=url: is_there(url), f"{url} is ready")  # type: ignore[misc]  # bound now
        wait_until(lambda: _has_settled(made), "the cluster has settled")
        wait_until(lambda: _is_scraped(made), "the agent is scraped")
        yield made


def _has_settled(made: Installation) -> bool:
    states = [httpx.get(f"{url}/api/v2/status").json()["cluster"] for url in made.alertmanagers]
    return all(one["status"] == "ready" and len(one["peers"]) == 2 for one in states)


def _is_scraped(made: Installation) -> bool:
    query = {"query": "aether_agent_build_info and on () aether:health_score:15m"}
    return bool(httpx.get(f"{made.prometheus}/api/v1/query", params=query).json()["data"]["result"])
