"""What the queries of others cost. No label holds anything that a caller chose."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from aetherlink.model.queries import QuestionKind

OUTCOMES = ("answered", "cached", "refused", "full", "failed", "gone")
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 120)


class ProxyMetrics:
    """Counters of the proxy, all present from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "aether_agent_proxy_requests_total",
            "Questions to Prometheus through the agent, by kind and by what became of them.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "aether_agent_proxy_seconds",
            "How long Prometheus took to answer a question that was passed on.",
            ["kind"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._bytes = Counter(
            "aether_agent_proxy_bytes_total", "Bytes of the answers that Prometheus gave.", registry=registry
        )
        self._on_their_way = Gauge(
            "aether_agent_proxy_in_flight", "Questions that Prometheus is being asked now.", registry=registry
        )
        for kind in QuestionKind:
            self._seconds.labels(kind)
            for outcome in OUTCOMES:
                self._requests.labels(kind, outcome)

    def ended(self, kind: QuestionKind, outcome: str) -> None:
        """One more, with one of OUTCOMES."""
        self._requests.labels(kind, outcome).inc()

    def took(self, kind: QuestionKind, seconds: float, size: int) -> None:
        """Prometheus answered with so many bytes."""
        self._seconds.labels(kind).observe(seconds)
        self._bytes.inc(size)

    def on_their_way(self, count: int) -> None:
        """So many are being asked now."""
        self._on_their_way.set(count)
