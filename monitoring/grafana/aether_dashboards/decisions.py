"""The dashboard of the agent's decisions: what it may do, what it did and whether that helped, who was told.

Built by generate.py. From top to bottom it answers: does it help, what did it decide and by which rule, how much of its
budgets is used, what came of its actions and how long that took, and did people hear of it.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, timeseries

from aether_dashboards.panels import (
    GREEN,
    NONE_WANTED,
    RED,
    SCORE,
    YELLOW,
    graph,
    limited,
    page,
    recorded,
    row,
    stacked,
    stat_tile,
)

Panel = stat.Panel | timeseries.Panel

AGENT = 'job="aether_agent"'
RATE = "[$__rate_interval]"
DECISIONS = f"aether_agent_decisions_total{{{AGENT}}}"
BUDGETS = (
    "cooldown_is_over",
    "hourly_limit_holds",
    "tenant_budget_holds",
    "playbook_budget_holds",
    "fleet_budget_holds",
    "few_run_at_a_time",
    "circuit_is_closed",
)
HELD_BACK = f'aether_agent_decisions_total{{{AGENT}, rule=~"{"|".join(BUDGETS)}"}}'
ALLOWED = f'aether_agent_decisions_total{{{AGENT}, effect="allow"}}'
ACTIONS = f"aether_agent_actions_total{{{AGENT}}}"
VERDICTS = f"aether_agent_verdicts_total{{{AGENT}}}"
RECOVERED = f'aether_agent_verdicts_total{{{AGENT}, verdict="recovered"}}'
RECOVERY = f"aether_agent_recovery_seconds_bucket{{{AGENT}}}"
STAGES = f"aether_agent_stage_seconds_bucket{{{AGENT}}}"
ATTEMPTS = f"aether_agent_delivery_attempts_total{{{AGENT}}}"
DELIVERIES = f"aether_agent_deliveries{{{AGENT}}}"
DEAD = f'aether_agent_deliveries{{{AGENT}, state="dead"}}'
OLDEST = f"aether_agent_outbox_oldest_seconds{{{AGENT}}}"


def decisions() -> dashboard.Dashboard:
    """The whole dashboard."""
    built = page(
        "Decisions",
        "aether-decisions",
        description="What the AetherLink agent decides, does and tells, and what helps.",
    ).time("now-6h", "now")
    for mark in recorded():
        built = built.annotation(mark)
    rows: Sequence[tuple[str, Sequence[Panel]]] = (
        ("Does it help", (*_tiles(), *_help())),
        ("Decisions", _decisions()),
        ("Budgets", _budgets()),
        ("Actions", _actions()),
        ("Who is told", _told()),
    )
    for title, panels in rows:
        built = built.with_row(row(title))
        for panel in panels:
            built = built.with_panel(panel)
    return built


def _tiles() -> Sequence[Panel]:
    day = "[24h]"
    return (
        stat_tile(
            "Decisions in 24 h",
            (f"sum(increase({DECISIONS}{day})) or vector(0)", ""),
            description="Plans that were decided in the last day, whatever the answer.",
        ).decimals(0),
        stat_tile(
            "Allowed in 24 h",
            (f"sum(increase({ALLOWED}{day})) or vector(0)", ""),
            description="Those of them that were carried out without asking a person.",
        ).decimals(0),
        stat_tile(
            "Repairs that helped",
            (f"sum(increase({RECOVERED}{day})) / sum(increase({VERDICTS}{day}) > 0)", ""),
            description="Share of the last day's repairs that were proved on fresh samples. No repair: no data.",
            unit="percentunit",
            steps={None: RED, 0.5: YELLOW, 0.9: GREEN},
        ),
        stat_tile(
            "Time to recover",
            (f"histogram_quantile(0.5, sum by (le) (increase({RECOVERY}{day})))", ""),
            description="Half of the last day's repairs were proved within this time from the opening of the incident.",
            unit="s",
        ),
        stat_tile(
            "Paused",
            (f"max(aether_agent_paused{{{AGENT}}})", ""),
            description="1 while the agent is paused and acts on nothing.",
            steps={None: GREEN, 1: YELLOW},
        ),
        stat_tile(
            "Could not be told",
            (f"sum({DEAD}) or vector(0)", ""),
            description="Messages that were given up: docs/how-to/notifications.md says what to do.",
            steps=NONE_WANTED,
        ).decimals(0),
    )


def _help() -> Sequence[Panel]:
    recovery = graph(
        "Time to recover",
        *(
            (f"histogram_quantile({share}, sum by (le) (increase({RECOVERY}[1h])))", name)
            for share, name in ((0.5, "half"), (0.9, "nine of ten"))
        ),
        description="From the opening of an incident to the verified repair, of those of the last hour.",
        unit="s",
    )
    score = graph(
        "Health score",
        ("aether:health_score:15m", "15 minutes"),
        ("aether:health_score:1m", "1 minute"),
        description="What all of it is for. Under 60 is low.",
    )
    return recovery, limited(score, SCORE).min(0).max(100)


def _decisions() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Decisions by effect",
                (f"sum by (effect) (increase({DECISIONS}{RATE}))", "{{effect}}"),
                description="allow, needs_approval, observe or deny.",
            )
        ),
        stacked(
            graph(
                "Decisions by rule",
                (f"sum by (rule, effect) (increase({DECISIONS}{RATE}))", "{{rule}} ({{effect}})"),
                description="The rule that had the last word: docs/reference/policy.md says what each of them asks.",
            )
        ),
    )


def _budgets() -> Sequence[Panel]:
    return (
        graph(
            "Actions in ten minutes and in an hour",
            (f"sum(increase({ACTIONS}[10m]))", "in 10 minutes"),
            (f"sum(increase({ACTIONS}[1h]))", "in an hour"),
            description="What counts against the budgets of the fleet (`budgets` in the settings).",
        ),
        stacked(
            graph(
                "Held back by a budget",
                (f"sum by (rule) (increase({HELD_BACK}{RATE}))", "{{rule}}"),
                description="Decisions that a cooldown, a limit, a budget or the circuit had the last word in.",
            )
        ),
    )


def _actions() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Outcomes",
                (f"sum by (verb, outcome) (increase({ACTIONS}{RATE}))", "{{verb}}: {{outcome}}"),
                description="What was done, and what came of it. `unknown` means that a person has to look.",
            )
        ),
        stacked(
            graph(
                "Verdicts",
                (f"sum by (verdict) (increase({VERDICTS}{RATE}))", "{{verdict}}"),
                description="Whether repairs helped. `cannot_tell` is never taken for success.",
            )
        ),
        graph(
            "Stages",
            (f"histogram_quantile(0.9, sum by (le, stage) (rate({STAGES}{RATE})))", "{{stage}}"),
            description="How long nine of ten passes of each stage took; `act` holds the executor's call.",
            unit="s",
        ),
        stacked(
            graph(
                "Open incidents",
                (f"sum by (severity) (aether_agent_incidents_open{{{AGENT}}})", "{{severity}}"),
                description="Incidents that are not closed, by severity.",
            )
        ),
    )


def _told() -> Sequence[Panel]:
    return (
        stacked(
            graph(
                "Messages",
                (f"sum by (channel, outcome) (increase({ATTEMPTS}{RATE}))", "{{channel}}: {{outcome}}"),
                description="What came of telling a channel something: done, or why it failed.",
            )
        ),
        limited(
            graph(
                "The oldest that waits",
                (OLDEST, "{{channel}}"),
                description="For how long the oldest thing that is to be told waits. Minutes mean that a channel is "
                "away, or in its quiet hours.",
                unit="s",
            ),
            {None: GREEN, 300: YELLOW},
        ),
        stacked(
            graph(
                "Deliveries",
                (f"sum by (channel, state) ({DELIVERIES})", "{{channel}}: {{state}}"),
                description="Incidents and digests by how far each channel was told of them.",
            )
        ).span(24),
    )
