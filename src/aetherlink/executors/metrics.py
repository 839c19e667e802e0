"""What executors measure beside what they are asked."""

from prometheus_client import CollectorRegistry, Gauge


class FollowingMetrics:
    """Whether what happens to targets is listened to, by executor; only of those that can listen."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._followed = Gauge(
            "aether_agent_events_followed",
            "1 while the executor hears what happens to containers; while 0, Docker's last 256 events have to tell who "
            "ended one, and in doubt it counts as stopped.",
            ["executor"],
            registry=registry,
        )

    def follows(self, executor: str, is_followed: bool) -> None:
        """Set whether this executor hears."""
        self._followed.labels(executor=executor).set(1 if is_followed else 0)
