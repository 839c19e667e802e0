"""The stream of a real agent: a webhook is on it at once, a restart loses nothing, the end waits for nobody."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigs.agent_process import environment, serving, wait_until, wait_until_ready

PROMISED = 1.0  # seconds from the webhook to whoever listens
GRACE = 5.0  # of the agent's ten


class Listening:
    """Somebody who listens on a thread of his own."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.ended = threading.Event()
        self._url, self._headers = url, headers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with httpx.stream("GET", self._url, headers=self._headers, timeout=30, trust_env=False) as answer:
                for event in _events(answer.iter_lines()):
                    self.events.append((time.monotonic(), event))
        except httpx.TransportError:
            pass  # it was cut off
        self.ended.set()

    def kinds(self) -> list[str]:
        """Of the entries heard so far."""
        return [json.loads(event["data"])["kind"] for _, event in self.events if event["event"] == "entry"]


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if not line and "event" in event:
            yield event
            event = {}
        elif line and not line.startswith((":", "retry")):
            name, _, value = line.partition(": ")
            event[name] = value


def _send(url: str, name: str) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": name, "service": name, "severity": "critical"},
        "annotations": {},
        "startsAt": "2026-11-29T03:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"{hash(name) & 0xFFFFFFFFFFFFFFFF:016x}",
    }
    body = {"version": "4", "groupKey": name, "status": "firing", "receiver": "aether", "alerts": [alert]}
    httpx.post(f"{url}/alertmanager", json=body, trust_env=False).raise_for_status()


def test_a_webhook_is_on_the_stream_within_a_second_and_a_restart_loses_nothing(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    url = f"http://{settings['AETHER_LISTEN']}"
    with serving(settings, tmp_path) as process:
        wait_until_ready(settings)
        listening = Listening(f"{url}/api/v1/stream", {})
        wait_until(lambda: bool(listening.events), "the stream says how things are")
        sent = time.monotonic()
        _send(url, "First")
        wait_until(lambda: "opened" in listening.kinds(), "the webhook is on the stream")
        took = next(at for at, event in listening.events if event["event"] == "entry") - sent
        _send(url, "Second")
        wait_until(lambda: listening.kinds().count("opened") == 2, "the second, too")
        ending = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(GRACE) == 0
        assert time.monotonic() - ending < GRACE
        assert listening.ended.wait(5)

    heard = [int(event["id"]) for _, event in listening.events if event["event"] == "entry"]
    with serving(settings, tmp_path):
        wait_until_ready(settings)
        again = Listening(f"{url}/api/v1/stream", {"Last-Event-ID": str(heard[0])})
        wait_until(lambda: len(again.kinds()) >= len(heard) - 1, "what was missed")
        _send(url, "Third")
        wait_until(lambda: "Third" in json.dumps([event for _, event in again.events]), "and what is new")

    numbers = [int(event["id"]) for _, event in again.events if event["event"] == "entry"]
    assert took < PROMISED
    assert heard == list(range(heard[0], heard[0] + len(heard)))
    assert numbers == list(range(heard[0] + 1, heard[0] + 1 + len(numbers)))


@pytest.mark.parametrize("last", ["x", "-1", "1" * 40])
def test_a_last_event_that_is_no_number_is_refused(agent_url: str, last: str) -> None:
    answer = httpx.get(f"{agent_url}/api/v1/stream", headers={"Last-Event-ID": last}, trust_env=False)

    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json()["detail"]


@pytest.fixture(scope="module")
def agent_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _running(tmp_path_factory.mktemp("agent")) as url:
        yield url


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    settings = environment(folder)
    with serving(settings, folder):
        wait_until_ready(settings)
        yield f"http://{settings['AETHER_LISTEN']}"
