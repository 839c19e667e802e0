"""The CRM's metrics, by the names and labels that monitoring relies on.

The request meter, the database, the monitor and the routes write here; `/metrics` renders it. Every label set is
closed.
"""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from peakpro_crm.model import Source
from peakpro_crm.settings import OTHER_TENANT

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_LABELS = ("route", "method", "status_class", "tenant")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All series of one process, in a registry of their own."""

    def __init__(self, *, tenants: Iterable[str], version: str) -> None:
        # A second series beside every counter, with the time of its birth, that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it without annotations
        self._registry = CollectorRegistry()
        self._tenants = frozenset(tenants)
        ProcessCollector(registry=self._registry)
        self._leads = Counter("crm_leads_created", "Leads created.", ("tenant", "source"), registry=self._registry)
        self._requests = Counter("crm_http_requests", "Requests answered.", REQUEST_LABELS, registry=self._registry)
        self._durations = Histogram(
            "crm_http_request_duration_seconds",
            "Time from a request to the end of its answer.",
            REQUEST_LABELS,
            buckets=_REQUEST_BUCKETS,
            registry=self._registry,
        )
        self._pool_wait = Histogram(
            "crm_db_pool_wait_seconds",
            "Time a request waited for a pooled connection, failures included.",
            buckets=_WAIT_BUCKETS,
            registry=self._registry,
        )
        self._pool_in_use = Gauge("crm_db_pool_in_use", "Pooled connections checked out.", registry=self._registry)
        self._pool_size = Gauge("crm_db_pool_size", "Connections the pool may hold.", registry=self._registry)
        self._database_up = Gauge("crm_database_up", "1 when the database answered in time.", registry=self._registry)
        Gauge("crm_build_info", "The release that runs.", ("version",), registry=self._registry).labels(version).set(1)
        for tenant in self._tenants:
            for source in Source:
                self._leads.labels(tenant, source)  # from 0, so that the first lead already shows in a rate

    def tenant_label(self, tenant: str | None) -> str:
        """Return the tenant when it is a configured one, else "other"."""
        return tenant if tenant in self._tenants else OTHER_TENANT

    def lead_created(self, tenant: str, source: Source) -> None:
        """Count a lead that a request made."""
        self._leads.labels(self.tenant_label(tenant), source).inc()

    def answered(self, route: str, method: str, *, status: int, tenant: str | None, seconds: float) -> None:
        """Count one answered request and its duration; `route` is a template, never a path."""
        labels = (route, method if method in METHODS else "other", f"{status // 100}xx", self.tenant_label(tenant))
        self._requests.labels(*labels).inc()
        self._durations.labels(*labels).observe(seconds)

    def waited_for_connection(self, seconds: float) -> None:
        """Record how long a caller waited for the pool."""
        self._pool_wait.observe(seconds)

    def watch_pool(self, *, size: int, in_use: Callable[[], int]) -> None:
        """Read the pool's gauges from the pool itself, at every scrape."""
        self._pool_size.set(size)
        self._pool_in_use.set_function(in_use)

    def database_is(self, *, up: bool) -> None:
        """Record what the last background check of the database found."""
        self._database_up.set(1 if up else 0)

    def render(self) -> bytes:
        """Return all series in Prometheus' text format."""
        return generate_latest(self._registry)
