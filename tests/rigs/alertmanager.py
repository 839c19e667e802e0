"""A real Alertmanager as a process of its own, whose webhooks go through a door that can be shut."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from rigs.agent_process import free_port, wait_until

_HOUR = timedelta(hours=1)
_CONFIG: dict[str, Any] = {
    "route": {
        "receiver": "agent",
        "group_by": ["..."],
        "group_wait": "100ms",
        "group_interval": "200ms",
        "repeat_interval": "1h",
    },
    "inhibit_rules": [
        {"source_matchers": ["alertname=HostDown"], "target_matchers": ["alertname!=HostDown"], "equal": ["host"]}
    ],
}


@dataclass
class Door:
    """Passes webhooks on to the agent, or answers 503 while it is shut."""

    agent: str
    is_shut: bool = False
    refused: int = 0
    url: str = ""

    @contextmanager
    def standing(self) -> Iterator["Door"]:
        """From its opening to its removal."""
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(door.answer(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}/"
            yield self
            server.shutdown()

    def answer(self, body: bytes) -> int:
        """The status for this webhook."""
        if self.is_shut:
            self.refused += 1
            return 503
        try:
            return httpx.post(f"{self.agent}/alertmanager", content=body).status_code
        except httpx.TransportError:
            return 503


@dataclass
class Alertmanager:
    """One Alertmanager at one address, through as many lives as a test wants."""

    program: Path
    folder: Path
    webhook: str
    url: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")
    since: datetime = field(default_factory=lambda: datetime.now(UTC) - _HOUR)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        receivers = [{"name": "agent", "webhook_configs": [{"url": self.webhook, "send_resolved": True}]}]
        config = self.folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(_CONFIG | {"receivers": receivers}))
        arguments = [f"--config.file={config}", f"--storage.path={self.folder / 'alertmanager'}", "--log.level=warn"]
        arguments += ["--cluster.listen-address=", f"--web.listen-address={self.url.removeprefix('http://')}"]
        with (self.folder / "alertmanager.log").open("a") as log:
            self._process = subprocess.Popen([self.program, *arguments], stderr=log)
        wait_until(self.is_ready, "Alertmanager is ready")

    def kill(self, *, wipe: bool = False) -> None:
        """Kill it as a power cut would; with `wipe` its data is gone too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if wipe:
            shutil.rmtree(self.folder / "alertmanager")

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False

    def fire(self, name: str, **labels: str) -> None:
        """Post the alert as Prometheus would, always with the same start."""
        self._post("alerts", [_alert(name, labels) | _times(self.since, datetime.now(UTC) + _HOUR)])

    def resolve(self, name: str, **labels: str) -> None:
        """Post its end."""
        self._post("alerts", [_alert(name, labels) | _times(self.since, datetime.now(UTC))])

    def silence(self, name: str) -> str:
        """Silence it, and return the silence's id."""
        matchers = [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}]
        now = datetime.now(UTC)
        said = {"matchers": matchers, "createdBy": "a person", "comment": "not now"}
        answer: str = self._post("silences", said | _times(now, now + _HOUR))["silenceID"]
        return answer

    def expire(self, silence: str) -> None:
        """End the silence."""
        httpx.delete(f"{self.url}/api/v2/silence/{silence}").raise_for_status()

    def _post(self, what: str, body: object) -> Any:
        answer = httpx.post(f"{self.url}/api/v2/{what}", json=body).raise_for_status()
        return answer.json() if answer.content else None


def _alert(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"labels": {"alertname": name, "service": name.lower(), **labels}}


def _times(starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    return {"startsAt": starts_at.isoformat(), "endsAt": ends_at.isoformat()}
