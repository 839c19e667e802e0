"""A real Prometheus that is told a past hour, with the project's own rules, and asked as if it were that hour.

It knows no time but that of the machine. So each rule is evaluated by it over the whole hour, in the order of its
group, and what it finds is written back; and a thin proxy adds the moved time to what the agent asks.
"""

import contextlib
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import yaml

from aetherlink.lab.tools import find_tools
from aetherlink.lib.durations import parse_duration
from aetherlink.ports import Clock
from rigs.agent_process import free_port, wait_until
from rigs.answering import Answering
from rigs.moved_time import MovedLoop
from rigs.remote_write import Labels, Tape, key

ROOT = Path(__file__).parents[2]
STEP = 15  # seconds between two evaluations, as monitoring/ sets it
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_WRITE = {"content-encoding": "snappy", "content-type": "application/x-protobuf"}
_AS_LONG_AS_IT_TAKES = 60.0  # seconds
# Samples of any age within half a block are taken in any order: of ten hours, where two are usual.
_BLOCK = "20h"


@dataclass(frozen=True)
class Span:
    """From when to when, in seconds since 1970."""

    start: float
    end: float

    @property
    def instants(self) -> list[float]:
        """Those of the evaluations."""
        return [self.start + STEP * number for number in range(int((self.end - self.start) / STEP) + 1)]


@dataclass(frozen=True)
class Turn:
    """An alert that begins to fire at this instant, or ends then."""

    at: float
    labels: dict[str, str]
    annotations: dict[str, str]
    fires: bool


@dataclass(frozen=True)
class PastPrometheus:
    """One that runs, with what it was told."""

    url: str
    client: httpx.Client

    def take(self, tape: Tape) -> None:
        """Let it know all of it."""
        for body in tape.requests():
            self.client.post("/api/v1/write", content=body, headers=_WRITE).raise_for_status()

    def over(self, query: str, span: Span) -> list[tuple[dict[str, str], dict[float, float]]]:
        """What the query gives at every evaluation: each series with its values."""
        form = {"query": query, "start": f"{span.start}", "end": f"{span.end}", "step": f"{STEP}"}
        answer = self.client.post("/api/v1/query_range", data=form).raise_for_status().json()
        return [
            (each["metric"], {float(at): float(value) for at, value in each["values"]})
            for each in answer["data"]["result"]
        ]

    def evaluate(self, span: Span) -> list[Turn]:
        """Evaluate every rule; the turns of all alerts, in the order of time."""
        alerts = []
        for rule in _rules():
            if "record" in rule:
                self.take(_recorded(rule, self.over(rule["expr"], span), span))
            else:
                alerts.append(rule)
        return sorted((turn for rule in alerts for turn in self._turns(rule, span)), key=lambda turn: turn.at)

    def _turns(self, rule: Mapping[str, Any], span: Span) -> Iterator[Turn]:
        patience = parse_duration(rule.get("for", "0s")).total_seconds()
        for metric, values in self.over(rule["expr"], span):
            labels = _labels(rule, metric)
            for begin, end in _stretches(values, span):
                if (fires_at := _first(begin, patience)) < end:
                    yield Turn(fires_at, labels, rule["annotations"], fires=True)
                    yield Turn(end, labels, rule["annotations"], fires=False)


def _first(begin: float, patience: float) -> float:
    """The evaluation at which what began then has lasted for long enough."""
    return begin + STEP * math.ceil(patience / STEP)


def _stretches(values: Mapping[float, float], span: Span) -> Iterator[tuple[float, float]]:
    """From when to when there was a value, without a hole: to the first evaluation without one, or after the last."""
    begin = None
    for at in span.instants:
        if at in values and begin is None:
            begin = at
        elif at not in values and begin is not None:
            yield begin, at
            begin = None
    if begin is not None:
        yield begin, span.end + STEP


def _labels(rule: Mapping[str, Any], metric: Mapping[str, str]) -> dict[str, str]:
    """As the rule makes them. The one template among the rules' labels makes a job's name a service's."""
    own = {name: value for name, value in metric.items() if name != "__name__"}
    service = metric.get("job", "").replace("_", "-")
    said = {name: service if "{{" in value else value for name, value in rule.get("labels", {}).items()}
    return {**own, **said, "alertname": rule["alert"]}


def _recorded(rule: Mapping[str, Any], found: Sequence[tuple[dict[str, str], dict[float, float]]], span: Span) -> Tape:
    """The samples of a recording rule; a series that has no value at an evaluation has ended there."""
    tape = Tape()
    for metric, values in found:
        own = {name: value for name, value in metric.items() if name != "__name__"}
        _record(tape, key(rule["record"], {**own, **rule.get("labels", {})}), values, span)
    return tape


def _record(tape: Tape, labels: Labels, values: Mapping[float, float], span: Span) -> None:
    is_there = False
    for at in span.instants:
        if at in values or is_there:
            tape.add(labels, at, values.get(at))
        is_there = at in values


def _rules() -> list[dict[str, Any]]:
    """Those of monitoring/, in their order; what alerts rest on is recorded first."""
    files = sorted((ROOT / "monitoring" / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return sorted((rule for group in groups for rule in group["rules"]), key=lambda rule: "alert" in rule)


@contextlib.contextmanager
def past_prometheus(folder: Path) -> Iterator[PastPrometheus]:
    """One that runs until the block ends, with nothing to scrape and nothing to evaluate."""
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    url = f"http://127.0.0.1:{free_port()}"
    arguments: list[str | Path] = [
        find_tools("stable", project_dir=ROOT).prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-remote-write-receiver",
        f"--storage.tsdb.min-block-duration={_BLOCK}",
        f"--storage.tsdb.max-block-duration={_BLOCK}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=url, timeout=_AS_LONG_AS_IT_TAKES) as client:
            wait_until(lambda: _is_ready(client), "Prometheus is ready")
            yield PastPrometheus(url, client)
    finally:
        process.terminate()
        process.wait(timeout=_AS_LONG_AS_IT_TAKES)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").is_success
    except httpx.TransportError:
        return False


@dataclass
class MovedPrometheus(Answering):
    """What the agent asks: the same Prometheus, at the moved time where the agent names none."""

    inner: str = field(kw_only=True)
    loop: MovedLoop = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    asked: int = 0

    async def start(self) -> None:
        """See Answering."""
        self._client = httpx.AsyncClient(base_url=self.inner, timeout=None)  # noqa: S113 - the test has one
        await super().start()

    async def stop(self) -> None:
        """See Accepting."""
        await super().stop()
        await self._client.aclose()

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """See Answering."""
        if path.partition("?")[0] == "/api/v1/query":
            self.asked += 1
            body = _at(self.clock.now(), body)
        with self.loop.at_work():
            answer = await self._client.request(method, path, content=body, headers=_FORM)
        return answer.status_code, answer.content


def _at(now: datetime, body: bytes) -> bytes:
    return urlencode({"time": f"{now.timestamp():.3f}", **dict(parse_qsl(body.decode()))}).encode()


def span_of(start: datetime, length: timedelta) -> Span:
    """The span that begins at `start`."""
    return Span(start.timestamp(), (start + length).timestamp())
