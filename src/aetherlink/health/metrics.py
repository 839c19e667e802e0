"""What the health loop and the watch over the sources measure."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.model.health import HealthReading, HealthStatus
from aetherlink.model.sources import SourceState


class HealthMetrics:
    """Health checks by status, and whether each source answers. All present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "aether_agent_health_checks", "Health checks by what they showed.", ["status"], registry=registry
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

    def source_seen(self, state: SourceState) -> None:
        """Set whether the source answers."""
        self._source_up.labels(source=state.source, kind=state.kind.value).set(1 if state.is_up else 0)
