"""What the probes count about themselves."""

from prometheus_client import CollectorRegistry, Counter

from aetherlink.model.decisions import EvidenceStatus


class ProbeMetrics:
    """Counters of the probes, all present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._checks = Counter(
            "aether_agent_probe_checks_total",
            "Bound queries asked as evidence, by what they showed.",
            ["status"],
            registry=registry,
        )
        for status in EvidenceStatus:
            self._checks.labels(status)

    def checked(self, status: EvidenceStatus) -> None:
        """One more check with this outcome."""
        self._checks.labels(status).inc()
