"""What is counted of the agent's own silences."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter


class SilenceEvent(StrEnum):
    """What may become of one."""

    SET = "set"
    LIFTED = "lifted"
    FAILED = "failed"


class SilenceMetrics:
    """All present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._silences = Counter(
            "aether_agent_silences",
            "The agent's own silences in Alertmanager: set, lifted, failed (one could not be set, taken away or "
            "written down).",
            ["event"],
            registry=registry,
        )
        for event in SilenceEvent:
            self._silences.labels(event=event.value)

    def count(self, event: SilenceEvent) -> None:
        """Count one."""
        self._silences.labels(event=event.value).inc()
