"""What the incidents count."""

from prometheus_client import CollectorRegistry, Counter

from aetherlink.lib.label_cap import LabelCap
from aetherlink.model.alerts import Alert


class AlertMetrics:
    """Counts the alerts received. Names come from outside: beyond a cap they count as `other`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._alerts = Counter(
            "aether_agent_alerts",
            "Alerts received; severity is critical, warning or info as the agent understands the labels of "
            "labels.severity (an unknown word, or no such label, is a warning), or none where the alert says none.",
            ["alertname", "severity"],
            registry=registry,
        )
        self._names = LabelCap()

    def received(self, alert: Alert, severity: str) -> None:
        """Count one alert; `severity` is of a closed set."""
        self._alerts.labels(alertname=self._names.bound(alert.name), severity=severity).inc()
