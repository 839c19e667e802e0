"""What the incidents count."""

from prometheus_client import CollectorRegistry, Counter

from aetherlink.lib.label_cap import OTHER, LabelCap
from aetherlink.model.alerts import Alert

_SEVERITIES = frozenset({"critical", "warning", "info", "none", ""})


class AlertMetrics:
    """Counts the alerts received. Names come from outside: beyond a cap they count as `other`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._alerts = Counter("aether_agent_alerts", "Alerts received.", ["alertname", "severity"], registry=registry)
        self._names = LabelCap()

    def received(self, alert: Alert) -> None:
        """Count one alert."""
        severity = alert.labels.get("severity", "")
        self._alerts.labels(
            alertname=self._names.bound(alert.name), severity=severity if severity in _SEVERITIES else OTHER
        ).inc()
