"""The dashboard of PeakPro CRM: is it well, for whom, and if not, which part.

Built by generate.py. From top to bottom it answers: how bad is it, what is it about, and what did the CRM do before.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, dashboard, gauge, stat, statetimeline, timeseries

from aether_dashboards.panels import (
    GREEN,
    NONE_WANTED,
    RED,
    SCORE,
    UP,
    YELLOW,
    bars,
    choice,
    dial,
    graph,
    limited,
    marks,
    page,
    recorded,
    row,
    stacked,
    stat_tile,
    states,
    word_tile,
)

Panel = bargauge.Panel | gauge.Panel | stat.Panel | statetimeline.Panel | timeseries.Panel

CRM = 'job="peakpro_crm"'
CHOSEN = '{tenant=~"$tenant"}'
OF_TENANT = f'{CRM}, tenant=~"$tenant"'
RATE = "[$__rate_interval]"
REQUESTS = f"crm_http_requests_total{{{OF_TENANT}}}"
FAILURES = f'crm_http_requests_total{{{OF_TENANT}, status_class="5xx"}}'
BUCKETS = f"crm_http_request_duration_seconds_bucket{{{OF_TENANT}}}"
MEBIBYTE = 1024 * 1024


def crm() -> dashboard.Dashboard:
    """The whole dashboard."""
    built = page("CRM", "aether-crm", description="PeakPro CRM: health, requests, database, process, leads.")
    built = built.with_variable(
        choice("tenant", "Tenant", query=f"label_values(crm_http_requests_total{{{CRM}}}, tenant)")
    ).annotation(marks("Alerts", 'ALERTS{alertstate="firing", service=~"crm|postgres"}', colour=YELLOW))
    for mark in recorded():
        built = built.annotation(mark)
    rows: Sequence[tuple[str, Sequence[Panel]]] = (
        ("Health", (*_scores(), *_tiles(), *_reasons())),
        ("Requests", _requests()),
        ("Latency", _latency()),
        ("Database", _database()),
        ("Process", _process()),
        ("Leads and releases", _leads()),
    )
    for title, panels in rows:
        built = built.with_row(row(title))
        for panel in panels:
            built = built.with_panel(panel)
    return built


def _scores() -> Sequence[Panel]:
    history = graph(
        "Health score",
        ("aether:health_score:15m", "15 minutes"),
        ("aether:health_score:1m", "1 minute"),
        description="The long window is what alerts and the agent look at; the short one shows a repair at once.",
    )
    return (
        dial("Health score", ("aether:health_score:15m", ""), description="Over 15 minutes. Under 60 is low."),
        bars(
            "By tenant",
            (f"aether:health_score:15m:tenant{CHOSEN}", "{{tenant}}"),
            description="Over 15 minutes. Under 60 alerts.",
        ),
        limited(history, SCORE).min(0).max(100),
    )


def _reasons() -> Sequence[Panel]:
    tenants = graph(
        "Health score by tenant",
        (f"aether:health_score:1m:tenant{CHOSEN}", "{{tenant}}"),
        description="Over one minute. A tenant without requests has no score.",
    )
    parts = graph(
        "What pulls the score down",
        ("aether:crm_availability:1m", "availability"),
        ("1 - sum by (job) (aether:crm_errors:rate1m) / sum by (job) (aether:crm_requests:rate1m)", "success"),
        ("avg by (job) (aether:crm_fast_ratio:1m)", "under 0.5 s"),
        ("aether:crm_pool_factor:1m", "database pool"),
        description="The four factors of the score over one minute. Their product, slow requests and a full pool "
        "counting half, is the score.",
        unit="percentunit",
    )
    return limited(tenants, SCORE).min(0).max(100), parts.min(0).max(1)


def _tiles() -> Sequence[Panel]:
    errors = f"(sum(rate({FAILURES}{RATE})) or 0 * sum(rate({REQUESTS}{RATE}))) / sum(rate({REQUESTS}{RATE}))"
    return (
        stat_tile(
            "Replicas up",
            (f"sum(up{{{CRM}}})", ""),
            description="Replicas of the API that Prometheus can scrape.",
            steps=UP,
        ),
        stat_tile(
            "Requests", (f"sum(rate({REQUESTS}{RATE}))", ""), description="Requests answered a second.", unit="reqps"
        ),
        stat_tile(
            "Errors",
            (errors, ""),
            description="Share of requests answered 5xx.",
            unit="percentunit",
            steps={None: GREEN, 0.01: YELLOW, 0.1: RED},
        ),
        stat_tile(
            "p95 latency",
            (f"histogram_quantile(0.95, sum by (le) (rate({BUCKETS}{RATE})))", ""),
            description="95 of 100 requests are quicker. The objective is 0.5 s.",
            unit="s",
            steps={None: GREEN, 0.25: YELLOW, 0.5: RED},
        ),
        stat_tile(
            "Alerts firing",
            ('count(ALERTS{alertstate="firing", service=~"crm|postgres"}) or vector(0)', ""),
            description="Alerts about the CRM and its database.",
            steps=NONE_WANTED,
        ),
        word_tile(
            "Release",
            (f"count by (version) (crm_build_info{{{CRM}}})", "{{version}}"),
            description="What runs now. Two names while a deploy is on its way.",
        ),
    )


def _requests() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Requests by tenant",
                (f"sum by (tenant) (rate({REQUESTS}{RATE}))", "{{tenant}}"),
                description="Requests answered a second. Tenant `other` are callers that the CRM refuses.",
                unit="reqps",
            )
        ),
        stacked(
            graph(
                "Answers by status",
                (f"sum by (status_class) (rate({REQUESTS}{RATE}))", "{{status_class}}"),
                description="Answers a second by status class.",
                unit="reqps",
            )
        ),
        graph(
            "Error share by tenant",
            (
                f"sum by (tenant) (rate({FAILURES}{RATE})) / sum by (tenant) (rate({REQUESTS}{RATE}))",
                "{{tenant}}",
            ),
            description="Share of requests answered 5xx. A tenant without a failure has no line.",
            unit="percentunit",
        ),
        graph(
            "Requests by route",
            (f"sum by (method, route) (rate({REQUESTS}{RATE}))", "{{method}} {{route}}"),
            description="Requests answered a second by route template.",
            unit="reqps",
        ),
    )


def _latency() -> Sequence[Panel]:
    objective = {None: GREEN, 0.5: RED}
    quantiles = graph(
        "Latency",
        *(
            (f"histogram_quantile({share}, sum by (le) (rate({BUCKETS}{RATE})))", name)
            for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        ),
        description="Quantiles over all chosen tenants. The objective is 0.5 s.",
        unit="s",
    )
    by_tenant = graph(
        "p95 by tenant",
        (f"histogram_quantile(0.95, sum by (le, tenant) (rate({BUCKETS}{RATE})))", "{{tenant}}"),
        description="95 of 100 requests of the tenant are quicker.",
        unit="s",
    )
    return limited(quantiles, objective), limited(by_tenant, objective)


def _database() -> Sequence[Panel]:
    wait = "crm_db_pool_wait_seconds"
    return (
        graph(
            "Connection pool",
            (f"crm_db_pool_in_use{{{CRM}}}", "in use, {{instance}}"),
            (f"crm_db_pool_size{{{CRM}}}", "size, {{instance}}"),
            description="Connections in use, and how many there can be. From 80 % on the pool counts as exhausted.",
        ),
        graph(
            "Wait for a connection",
            (f"histogram_quantile(0.95, sum by (le) (rate({wait}_bucket{{{CRM}}}{RATE})))", "p95"),
            (f"sum(rate({wait}_sum{{{CRM}}}{RATE})) / sum(rate({wait}_count{{{CRM}}}{RATE}))", "mean"),
            description="How long requests wait for a connection out of the pool.",
            unit="s",
        ),
        states(
            "Database and API",
            (f"crm_database_up{{{CRM}}}", "PostgreSQL, seen from {{instance}}"),
            (f"up{{{CRM}}}", "API {{instance}}"),
            description="Whether the CRM reaches PostgreSQL, and whether Prometheus reaches the CRM.",
        ).span(24),
    )


def _process() -> Sequence[Panel]:
    memory = graph(
        "Memory",
        (f"process_resident_memory_bytes{{{CRM}}}", "{{instance}}"),
        description="Resident memory by replica. Above 256 MiB an alert fires.",
        unit="bytes",
    )
    return (
        limited(memory, {None: GREEN, 256 * MEBIBYTE: RED}),
        graph(
            "CPU",
            (f"rate(process_cpu_seconds_total{{{CRM}}}{RATE})", "{{instance}}"),
            description="Share of one core by replica.",
            unit="percentunit",
        ),
        graph(
            "Open files",
            (f"process_open_fds{{{CRM}}}", "{{instance}}"),
            description="File descriptors in use by replica. Connections that leak show here too.",
        ),
        graph(
            "Age of the process",
            (f"time() - process_start_time_seconds{{{CRM}}}", "{{instance}}"),
            description="Falls to 0 at each restart.",
            unit="s",
        ),
    )


def _leads() -> Sequence[Panel]:
    created = f"crm_leads_created_total{{{OF_TENANT}}}"
    return (
        stacked(
            graph(
                "Leads by tenant",
                (f"60 * sum by (tenant) (rate({created}{RATE}))", "{{tenant}}"),
                description="Leads created a minute.",
            )
        ),
        stacked(
            graph(
                "Leads by source",
                (f"60 * sum by (source) (rate({created}{RATE}))", "{{source}}"),
                description="Leads created a minute, by where they came from.",
            )
        ),
        stacked(
            graph(
                "Releases",
                (f"count by (version) (crm_build_info{{{CRM}}})", "{{version}}"),
                description="Replicas by the release that they run. A deploy or a rollback is a change of colour.",
            )
        ).span(24),
    )
