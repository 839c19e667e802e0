"""What the health loop and the watch over the sources measure."""

import json
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceState

ALL = "all"


class HeartbeatMetrics:
    """Which sources are blind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._blind = Gauge(
            "aether_agent_blind",
            "1 while the heartbeat of the source, once heard, is silent: its other alerts would not be heard either.",
            ["source"],
            registry=registry,
        )

    def blind(self, source: SourceName, *, is_blind: bool) -> None:
        """Set whether the source is blind."""
        self._blind.labels(source=source).set(1 if is_blind else 0)


class HealthMetrics:
    """Health checks by status, scores by tenant, and whether each source answers. Counters stand from the start.

    Tenants are as many as the loop watches, which is bounded; one who is watched no more is taken out.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "aether_agent_health_checks", "Health checks by what they showed.", ["status"], registry=registry
        )
        self._score = Gauge(
            "aether_agent_health_score",
            'The health score as last read, 0 to 100; tenant="all" is that of all together. Absent when there is none.',
            ["tenant"],
            registry=registry,
        )
        self._status = Gauge(
            "aether_agent_health_status",
            "1 for the status that the last health check of the tenant had, 0 for the others.",
            ["tenant", "status"],
            registry=registry,
        )
        self._left_out = Gauge(
            "aether_agent_health_tenants_left_out",
            "Tenants that have a score and are not watched, because health.most_tenants is reached.",
            registry=registry,
        )
        self._source_up = Gauge(
            "aether_agent_source_up",
            "Whether the source answered that it is ready when last asked.",
            ["source", "kind"],
            registry=registry,
        )
        for status in HealthStatus:
            self._checks.labels(status=status.value)

    def checked(self, reading: HealthReading) -> None:
        """Count one check."""
        self._checks.labels(status=reading.status.value).inc()

    def read(self, readings: Iterable[HealthReading], *, left_out: int) -> None:
        """Show the readings of one check."""
        self._left_out.set(left_out)
        for reading in readings:
            tenant = label_of(reading.tenant)
            for status in HealthStatus:
                self._status.labels(tenant=tenant, status=status.value).set(1 if status is reading.status else 0)
            if reading.score is None:
                self._score.remove(tenant)
            else:
                self._score.labels(tenant=tenant).set(reading.score)

    def forget(self, tenant: str) -> None:
        """Take out who is watched no more."""
        shown = label_of(tenant)
        self._score.remove(shown)
        for status in HealthStatus:
            self._status.remove(shown, status.value)

    def source_seen(self, state: SourceState) -> None:
        """Set whether the source answers."""
        self._source_up.labels(source=state.source, kind=state.kind.value).set(1 if state.is_up else 0)


def label_of(tenant: str) -> str:
    """The tenant in a metric: `all` for all together; a tenant of that very name is put in quotes."""
    if not tenant:
        return ALL
    return json.dumps(tenant) if tenant == ALL else tenant
