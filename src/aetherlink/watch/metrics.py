"""What is counted of the watch."""

from collections.abc import Callable, Collection
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.watch.ailments import Part


class Ping(StrEnum):
    """What became of a ping: `held` are those that were not sent because the agent is not well."""

    DONE = "done"
    FAILED = "failed"
    HELD = "held"


class WatchMetrics:
    """All present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._unwell = Gauge(
            "aether_agent_unwell", "1 while this part of the agent itself is not well.", ["part"], registry=registry
        )
        self._blocked = Counter(
            "aether_agent_loop_blocked",
            "How often the event loop, or the store, did nothing for watch.blocked_after.",
            registry=registry,
        )
        self._silence = Gauge(
            "aether_agent_loop_silence_seconds",
            "How long ago the event loop last showed that it runs.",
            registry=registry,
        )
        self._pings = Counter(
            "aether_agent_deadman_pings",
            "Pings of watch.deadman: done, failed, or held because the agent is not well.",
            ["outcome"],
            registry=registry,
        )
        for outcome in Ping:
            self._pings.labels(outcome=outcome.value)
        self.stand(())

    def stand(self, parts: Collection[Part]) -> None:
        """These parts are not well, the others are."""
        for part in Part:
            self._unwell.labels(part=part.value).set(part in parts)

    def blocked(self) -> None:
        """Once more."""
        self._blocked.inc()

    def watch_silence(self, seconds: Callable[[], float]) -> None:
        """Where the silence of the loop is asked."""
        self._silence.set_function(seconds)

    def pinged(self, outcome: Ping) -> None:
        """Count it."""
        self._pings.labels(outcome=outcome.value).inc()
