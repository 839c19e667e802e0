"""The dashboard of the agent: what it hears, decides and does, and whether it can see.

Built by generate.py.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, statetimeline, table, timeseries

from aether_dashboards.panels import (
    GREEN,
    NONE_WANTED,
    RED,
    SCORE,
    UP,
    YELLOW,
    graph,
    limited,
    listing,
    marks,
    page,
    recorded,
    row,
    stacked,
    stat_tile,
    states,
    word_tile,
)

Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel

AGENT = 'job="aether_agent"'
RATE = "[$__rate_interval]"
CHECKS = f"aether_agent_health_checks_total{{{AGENT}}}"
ALERTS = f"aether_agent_alerts_total{{{AGENT}}}"
DECISIONS = f"aether_agent_decisions_total{{{AGENT}}}"
ACTIONS = f"aether_agent_actions_total{{{AGENT}}}"
FAILED_ACTIONS = f'aether_agent_actions_total{{{AGENT}, outcome=~"failed|unknown"}}'
OPEN = f"aether_agent_incidents_open{{{AGENT}}}"
MEBIBYTE = 1024 * 1024


def agent() -> dashboard.Dashboard:
    """The whole dashboard."""
    built = page("Agent", "aether-agent", description="The AetherLink agent: what it hears, decides, does and sees.")
    built = built.annotation(
        marks("Agent down or blind", 'ALERTS{alertstate="firing", service="aether-agent"}', colour=YELLOW)
    )
    for mark in recorded():
        built = built.annotation(mark)
    rows: Sequence[tuple[str, Sequence[Panel]]] = (
        ("Now", _tiles()),
        ("Hears", _hears()),
        ("Decides and does", _does()),
        ("Sees", _sees()),
        ("Process", _process()),
    )
    for title, panels in rows:
        built = built.with_row(row(title))
        for panel in panels:
            built = built.with_panel(panel)
    return built


def _tiles() -> Sequence[Panel]:
    return (
        stat_tile("Agent", (f"sum(up{{{AGENT}}})", ""), description="Agents that Prometheus can scrape.", steps=UP),
        stat_tile(
            "Open incidents",
            (f"sum({OPEN})", ""),
            description="Incidents that are not closed, of every severity.",
            steps={None: GREEN, 1: YELLOW, 5: RED},
        ),
        stat_tile(
            "Sources in sight",
            (f"avg(aether_agent_source_up{{{AGENT}}})", ""),
            description="Share of Prometheus and Alertmanager sources that the agent can ask. "
            "It does not act on what it cannot see.",
            unit="percentunit",
            steps={None: RED, 0.5: YELLOW, 1: GREEN},
        ),
        stat_tile(
            "Health score",
            ("aether:health_score:15m", ""),
            description="What the agent's health loop looks at. Under 60 is low.",
            steps=SCORE,
        ),
        stat_tile(
            "Actions in 24 h",
            (f"sum(increase({ACTIONS}[24h])) or vector(0)", ""),
            description="Actions of the last day, whatever came of them.",
        ).decimals(0),
        word_tile(
            "Release",
            (f"count by (version) (aether_agent_build_info{{{AGENT}}})", "{{version}}"),
            description="The release of the agent that runs.",
        ),
    )


def _hears() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Alerts",
                (f"sum by (alertname, severity) (rate({ALERTS}[5m]))", "{{alertname}} ({{severity}})"),
                description="Alerts heard a second, over five minutes.",
                unit="cps",
            )
        ),
        stacked(
            graph(
                "Open incidents",
                (f"sum by (severity) ({OPEN})", "{{severity}}"),
                description="Incidents that are not closed, by severity.",
            )
        ),
        listing(
            "Firing now",
            'ALERTS{alertstate="firing"}',
            description="What Prometheus says is wrong, whether the agent has heard of it or not. The Watchdog "
            "always fires.",
            hidden=("alertstate",),
        ).span(24),
    )


def _does() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Decisions",
                (f"sum by (effect) (increase({DECISIONS}{RATE}))", "{{effect}}"),
                description="What was decided: allow, needs_approval, observe or deny.",
            )
        ),
        stacked(
            graph(
                "Rules that decided",
                (f"sum by (rule, effect) (increase({DECISIONS}{RATE}))", "{{rule}} ({{effect}})"),
                description="The rule that had the last word.",
            )
        ),
        stacked(
            graph(
                "Actions",
                (f"sum by (verb, outcome) (increase({ACTIONS}{RATE}))", "{{verb}}: {{outcome}}"),
                description="What was done, and what came of it. `unknown` means that a person has to look.",
            )
        ),
        stat_tile(
            "Actions gone wrong",
            (f"sum(increase({FAILED_ACTIONS}[24h])) or vector(0)", ""),
            description="Actions of the last day that failed, or of which nobody knows.",
            steps=NONE_WANTED,
        )
        .decimals(0)
        .span(12)
        .height(8),
    )


def _sees() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Health checks",
                (f"sum by (status) (rate({CHECKS}[5m]))", "{{status}}"),
                description="Checks of the health score a second, over five minutes. `no_data` and `error` are neither "
                "good news nor bad.",
                unit="cps",
            )
        ),
        limited(
            graph(
                "Health score",
                ("aether:health_score:15m", "15 minutes"),
                ("aether:health_score:1m", "1 minute"),
                description="What there was to see.",
            ),
            SCORE,
        )
        .min(0)
        .max(100),
        states(
            "Sources",
            (f"aether_agent_source_up{{{AGENT}}}", "{{source}}, {{kind}}"),
            description="Whether the agent can ask each of its sources.",
        ),
        states(
            "Targets", ("up", "{{job}} {{instance}}"), description="Whether Prometheus can scrape each of its targets."
        ),
    )


def _process() -> Sequence[Panel]:
    memory = graph(
        "Memory",
        (f"process_resident_memory_bytes{{{AGENT}}}", "{{instance}}"),
        description="Resident memory. At rest it should stay under 120 MiB.",
        unit="bytes",
    )
    cpu = graph(
        "CPU",
        (f"rate(process_cpu_seconds_total{{{AGENT}}}{RATE})", "{{instance}}"),
        description="Share of one core. At rest it should stay under 2 %.",
        unit="percentunit",
    )
    return (
        limited(memory, {None: GREEN, 120 * MEBIBYTE: YELLOW}),
        limited(cpu, {None: GREEN, 0.02: YELLOW}),
        graph(
            "Open files",
            (f"process_open_fds{{{AGENT}}}", "{{instance}}"),
            description="File descriptors in use.",
        ),
        graph(
            "Age of the process",
            (f"time() - process_start_time_seconds{{{AGENT}}}", "{{instance}}"),
            description="Falls to 0 at each restart.",
            unit="s",
        ),
    )
