"""What tamper evidence measures."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class AuditMetrics:
    """How far the anchors reach. All present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._anchored = Gauge(
            "aether_agent_audit_anchored_entries",
            "Timeline entries that the last anchor covers.",
            registry=registry,
        )
        self._failed = Counter(
            "aether_agent_audit_anchor_failures", "Anchors that could not be written to their file.", registry=registry
        )

    def anchored(self, number: int) -> None:
        """Set how far the last anchor reaches."""
        self._anchored.set(number)

    def failed(self) -> None:
        """Count one that could not be written."""
        self._failed.inc()
