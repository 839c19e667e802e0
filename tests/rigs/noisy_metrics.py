"""An hour of metrics of a lab in which nothing is wrong, as Prometheus would have scraped them, with all their noise.

The CRM's come out of its own `Metrics`, the agent's out of its own, so that no name can drift. Drawn from a seed.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from aetherlink.health.metrics import HealthMetrics
from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceKind, SourceState
from aetherlink.testing import START
from peakpro_crm.metrics import Metrics
from rigs.remote_write import Labels, Tape, key

Page = list[tuple[Labels, float]]
Calm = Callable[[str, float], bool]
"""Whether no noise of this kind may be at this instant: something else says there that the very thing is broken."""

CRM = {"job": "peakpro_crm", "instance": "crm:8000"}
AGENT = {"job": "aether_agent", "instance": "aether-agent:8080"}
_OTHERS = ("prometheus", "alertmanager", "node", "postgres_exporter")
CADVISOR = {"job": "cadvisor", "instance": "cadvisor:8080"}
BLACKBOX = {"job": "blackbox", "instance": "http://crm:8000/livez"}
CONTAINERS = ("crm", "postgres")

TENANTS = {"acme-corp": 4.0, "globex": 3.0, "initech": 2.0, "vip-umbrella": 1.0}
SILENT = "hooli"  # a tenant without a single request
SELDOM = "pied-piper"  # one with few of them, so that one that fails is many of them
_ROUTES = (("/api/leads", "GET"), ("/api/leads", "POST"), ("/api/leads/{lead_id}", "PATCH"))
_RATE = 20.0  # requests a second, as the lab's traffic has it
_POOL = 5
_MIB = 2.0**20
_SLOW = 0.5  # seconds; the objective
_LONG_AGO = START.timestamp() - 86_400

# How often, of a hundred scrapes; each lasts for one scrape and is under what a rule waits for.
_LOST = 2.0
_GAPS = 3.0
_SLOW_SPELLS = 4.0
_BURSTS = 4.0
_POOL_PEAKS = 3.0
_MEMORY_PEAKS = 3.0
_NO_NUMBERS = 3.0
_DATABASE_MISSED = 2.0
_DEPLOYS = 0.8
_APART = 120.0  # seconds between two lost scrapes: more often would be trouble, and no noise
# Seconds in which no bad news of its kind follows, and no scrape is left out: what is bad twice in a row is a fault,
# and one bad sample with none after it is all that is known: it fires what waits for two evaluations (docs/limits.md).
_WHOLE = 45.0


@dataclass
class NoisyCrm:
    """The CRM's process: what it exposes at a scrape, and what happened to it since the last one."""

    dice: Random
    calm: Calm
    births: list[float] = field(default_factory=lambda: [_LONG_AGO])
    _metrics: Metrics = field(init=False)
    _exposition: "Exposition" = field(default_factory=lambda: Exposition(CRM))
    _struck: dict[str, float] = field(default_factory=dict)
    _in_use: float = 0.0
    _memory: float = 120.0

    def __post_init__(self) -> None:
        self._restart()

    def page(self, at: float, seconds: float) -> Page:
        """After so many seconds of traffic."""
        if self.dice.random() * 100 < _DEPLOYS:
            self._restart()
            self.births.append(at - self.dice.uniform(1, 10))
        self._serve(round(_RATE * seconds))
        self._metrics.database_is(up=not self._strikes(_DATABASE_MISSED, "database", at))
        self._in_use = self._pool(at)
        page = self._exposition.read(self._metrics.render().decode())
        own = {"process_resident_memory_bytes": self._resident(at), "process_start_time_seconds": self.births[-1]}
        return [*page, *((key(name, CRM), value) for name, value in own.items())]

    @property
    def struck_at(self) -> float:
        """When it last showed something bad."""
        return max(self._struck.values(), default=-math.inf)

    def _restart(self) -> None:
        """All counters begin anew."""
        self._metrics = Metrics(tenants=[*TENANTS, SILENT, SELDOM], version="1.0.0")
        self._metrics.watch_pool(size=_POOL, in_use=lambda: self._in_use)
        self._memory = 120.0

    def _serve(self, count: int) -> None:
        slow = self._spell(_SLOW_SPELLS)
        failing = self._spell(_BURSTS)
        for tenant in self.dice.choices(list(TENANTS), list(TENANTS.values()), k=count):
            self._answer(tenant, slow=0.3 if tenant == slow else 0.0, failing=0.06 if tenant == failing else 0.002)
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self._answer(SELDOM, slow=0.0, failing=0.05)

    def _answer(self, tenant: str, *, slow: float, failing: float) -> None:
        """One request; `slow` and `failing` are how probable that is."""
        route, method = self.dice.choice(_ROUTES)
        seconds = self.dice.lognormvariate(math.log(0.03), 0.6)
        if self.dice.random() < slow:
            seconds = self.dice.uniform(_SLOW, 3.0)
        status = 503 if self.dice.random() < failing else self.dice.choices((200, 404), (50, 1))[0]
        self._metrics.answered(route, method, status=status, tenant=tenant, seconds=seconds)
        self._metrics.waited_for_connection(self.dice.expovariate(1000))

    def _spell(self, chance: float) -> str | None:
        """The tenant whom it hits, if any."""
        return self.dice.choice(list(TENANTS)) if self.dice.random() * 100 < chance else None

    def _pool(self, at: float) -> float:
        if self.dice.random() * 100 < _NO_NUMBERS:
            return math.nan
        return float(_POOL) if self._strikes(_POOL_PEAKS, "pool", at) else float(self.dice.choice((0, 0, 1, 1, 2)))

    def _resident(self, at: float) -> float:
        """It grows until the collector comes: teeth of a saw."""
        self._memory = self._memory + self.dice.uniform(0, 3) if self._memory < 200 else 120.0
        if self.dice.random() * 100 < _NO_NUMBERS:
            return math.nan
        return (300.0 if self._strikes(_MEMORY_PEAKS, "memory", at) else self._memory) * _MIB

    def _strikes(self, chance: float, kind: str, at: float) -> bool:
        is_due = at - self._struck.get(kind, -math.inf) > _WHOLE and not self.calm(kind, at)
        if strikes := self.dice.random() * 100 < chance and is_due:
            self._struck[kind] = at
        return strikes


@dataclass
class NoisyAgent:
    """What the agent exposes of its sources and its health checks."""

    dice: Random
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _metrics: HealthMetrics = field(init=False)
    _exposition: "Exposition" = field(default_factory=lambda: Exposition(AGENT))
    _checked_at: float = 0.0

    def __post_init__(self) -> None:
        self._metrics = HealthMetrics(self._registry)

    def page(self, at: float, _seconds: float) -> Page:
        """A health check a minute; a source that misses one look now and then."""
        for kind in SourceKind:
            self._metrics.source_seen(SourceState(SourceName("lab"), kind, self.dice.random() > 0.02))
        if at - self._checked_at >= 60:
            self._checked_at = at
            self._metrics.checked(HealthReading(START, HealthStatus.OK, 99.0))
        return self._exposition.read(generate_latest(self._registry).decode())


@dataclass
class NoisyContainers:
    """What cAdvisor says of the lab's containers."""

    dice: Random
    crm: NoisyCrm

    def page(self, at: float, _seconds: float) -> Page:
        """Both well, and far from their limit; a deploy is a new start."""
        found: Page = []
        for name in CONTAINERS:
            labels = {**CADVISOR, "name": name}
            used = math.nan if self.dice.random() * 100 < _NO_NUMBERS else self.dice.uniform(100, 250) * _MIB
            births = self.crm.births if name == "crm" else [_LONG_AGO]
            values = {
                "container_last_seen": at - self.dice.uniform(0, 2),
                "container_memory_working_set_bytes": used,
                "container_spec_memory_limit_bytes": 512 * _MIB,
                "container_start_time_seconds": max(born for born in births if born <= at),
            }
            found += [(key(metric, labels), value) for metric, value in values.items()]
        return found


def _probed(_at: float, _seconds: float) -> Page:
    return [(key("probe_success", BLACKBOX), 1.0)]


def _nothing_more(_at: float, _seconds: float) -> Page:
    return []


@dataclass
class Target:
    """A target of Prometheus: what it exposes, how often it is scraped, and when a scrape is lost or left out.

    `struck_at` is when it last showed something bad, which the next scrape has to be able to take back.
    """

    labels: Mapping[str, str]
    page: Callable[[float, float], Page]
    interval: float = 15.0
    is_down: Callable[[float], bool] = lambda _at: False
    struck_at: Callable[[], float] = lambda: -math.inf

    def scraped(self, tape: Tape, dice: Random, calm: Calm, start: float, end: float) -> None:
        """Write down every scrape in that time. A target's scrapes have a phase of their own, as in Prometheus."""
        at, left_out, lost_at, seen = start + dice.uniform(0, self.interval), 0, start, set[Labels]()
        up = key("up", self.labels)
        while at < end:
            page = self.page(at, self.interval)
            may_miss = at - max(lost_at, self.struck_at()) > _WHOLE
            left_out = left_out - 1 if left_out else dice.choice((1, 2)) * (may_miss and dice.random() * 100 < _GAPS)
            is_lost = at - lost_at > _APART and dice.random() * 100 < _LOST and not calm("up", at)
            if self.is_down(at) or (is_lost and not left_out):
                lost_at = at
                tape.add(up, at, 0.0)
                _end(tape, seen, at)
            elif not left_out:
                tape.add(up, at, 1.0)
                _end(tape, seen - {labels for labels, _ in page}, at)
                for labels, value in page:
                    tape.add(labels, at, value)
                seen = {labels for labels, _ in page}
            at += self.interval


def _end(tape: Tape, series: Iterable[Labels], at: float) -> None:
    """As Prometheus does with what a scrape does not show any more. To say it again does no harm."""
    for labels in series:
        tape.add(labels, at, None)


def noisy_tape(
    dice: Random, start: float, end: float, *, calm: Calm, is_down: Callable[[float], bool] = lambda _at: False
) -> Tape:
    """The scrapes of all targets of the lab in that time. `is_down` is the one real fault: the CRM does not answer."""
    crm = NoisyCrm(dice, calm)
    targets = [
        Target(CRM, crm.page, is_down=is_down, struck_at=lambda: crm.struck_at),
        Target(AGENT, NoisyAgent(dice).page, interval=10.0),
        Target(CADVISOR, NoisyContainers(dice, crm).page),
        Target(BLACKBOX, _probed),
        *(Target({"job": job, "instance": f"{job}:9000"}, _nothing_more) for job in _OTHERS),
    ]
    tape = Tape()
    for target in targets:
        target.scraped(tape, dice, calm, start, end)
    return tape


@dataclass
class Exposition:
    """Reads what a process of the project exposes, again and again; its labels are read once. Not what is `process_`'s:
    that would be the test's own.
    """

    target: Mapping[str, str]
    _known: dict[str, Labels] = field(default_factory=dict)

    def read(self, text: str) -> Page:
        """The samples, with the labels of their target."""
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith(("#", "process_")))
        return [(self._known.get(series) or self._learn(series), float(value)) for series, _, value in lines]

    def _learn(self, series: str) -> Labels:
        [family] = text_string_to_metric_families(f"{series} 0\n")
        [sample] = family.samples
        return self._known.setdefault(series, key(sample.name, {**sample.labels, **self.target}))
