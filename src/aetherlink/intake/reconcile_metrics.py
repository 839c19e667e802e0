"""What the reconciliation with Alertmanager counts."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.intake.comparison import Kind, PollStatus
from aetherlink.model.ids import SourceName


class ReconcileMetrics:
    """Polls by how they went, what they found, and when the last one succeeded. All present from the start."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[SourceName]) -> None:
        self._polls = Counter(
            "aether_agent_reconcile_polls",
            "Questions to all Alertmanagers of a source: ok (every one answered well), partial (some did), error.",
            ["source", "status"],
            registry=registry,
        )
        self._found = Counter(
            "aether_agent_reconcile_found",
            "What the Alertmanagers said and no webhook had: missed (it fires), ghost (it is over), suppressed "
            "(silenced or inhibited), unsuppressed.",
            ["source", "kind"],
            registry=registry,
        )
        self._last_success = Gauge(
            "aether_agent_reconcile_last_success_timestamp_seconds",
            "When every Alertmanager of the source last answered well; 0 before that.",
            ["source"],
            registry=registry,
        )
        for source in sources:
            self._last_success.labels(source=source)
            for status in PollStatus:
                self._polls.labels(source=source, status=status.value)
            for kind in Kind:
                self._found.labels(source=source, kind=kind.value)

    def polled(self, source: SourceName, status: PollStatus, at: datetime) -> None:
        """Count one poll."""
        self._polls.labels(source=source, status=status.value).inc()
        if status is PollStatus.OK:
            self._last_success.labels(source=source).set(at.timestamp())

    def found(self, source: SourceName, kind: Kind, count: int) -> None:
        """Count what was reported."""
        self._found.labels(source=source, kind=kind.value).inc(count)
