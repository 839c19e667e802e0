"""Which graphs an incident's page has: what is drawn of a question, and the marks."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aetherlink.console.charted import BEFORE, charts_of, drawable
from aetherlink.model.actions import Action, ActionState, Plan, Verb
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.ids import ActionId, IncidentId, SourceName, TargetName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind, StoredEntry

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INCIDENT = Incident(
    id=IncidentId("inc-1"),
    key="k",
    origin=Origin.ALERT,
    source=SourceName("lab"),
    title="Down",
    tenant="",
    service="crm",
    severity=Severity.CRITICAL,
    vip=False,
    status=IncidentStatus.OPEN,
    stage=Stage.VERIFY,
    opened_at=NOW,
    updated_at=NOW,
)
PLAN = Plan(Verb.RESTART, TargetName("crm-api"), when="up == 0", verify="up == 1")


def action(plan: Plan) -> Action:
    allowed = Decision(Effect.ALLOW, "all_rules", "nothing is against it")
    return Action(ActionId("act-1"), plan, "why", "me", allowed, ActionState.FINISHED, NOW)


@pytest.mark.parametrize(
    ("query", "drawn", "bound"),
    [
        ('up{job="crm"} == 0', 'up{job="crm"}', 0.0),
        ("(rate(x[5m]) > 0.5)", "rate(x[5m])", 0.5),
        ("rate(x[5m]) / rate(y[5m]) > bool 0.05", "rate(x[5m]) / rate(y[5m])", 0.05),
        ("a < 1 and b > 2", "a < 1 and b > 2", None),
        ("a > b", "a > b", None),
        ("absent(up)", "absent(up)", None),
        ("up ==", "up ==", None),
        ("", "", None),
    ],
)
def test_of_a_comparison_with_a_number_both_sides_are_drawn(query: str, drawn: str, bound: float | None) -> None:
    assert drawable(query) == (drawn, bound)


def test_two_questions_about_the_same_are_one_graph_from_before_the_fault() -> None:
    [chart] = charts_of(INCIDENT, action(PLAN), [], fired_at=NOW - timedelta(minutes=5))

    assert (chart.query, chart.drawn, chart.source) == ("up == 0", "up", "lab")
    assert chart.start == NOW - timedelta(minutes=5) - BEFORE
    assert chart.end is None


def test_two_questions_about_different_things_are_two_and_end_with_the_incident() -> None:
    over = replace(INCIDENT, status=IncidentStatus.RESOLVED, resolved_at=NOW + timedelta(hours=1))

    charts = charts_of(over, action(replace(PLAN, verify="errors < 1")), [], fired_at=None)

    assert [chart.drawn for chart in charts] == ["up", "errors"]
    assert all(chart.end is not None and chart.end > NOW + timedelta(hours=1) for chart in charts)


def test_without_an_action_or_a_question_there_is_none() -> None:
    assert charts_of(INCIDENT, None, [], fired_at=NOW) == []
    assert charts_of(INCIDENT, action(replace(PLAN, when="", verify="")), [], fired_at=NOW) == []


def test_it_is_marked_where_the_alert_fired_and_what_was_done() -> None:
    kinds = (EventKind.OPENED, EventKind.ACTION_STARTED, EventKind.NOTE, EventKind.VERIFIED)
    entries = [StoredEntry(INCIDENT.id, place, Entry(kind, NOW, "x")) for place, kind in enumerate(kinds)]

    [chart] = charts_of(INCIDENT, action(PLAN), entries, fired_at=NOW)

    assert [mark["kind"] for mark in json.loads(chart.marks)] == ["fired", "action_started", "verified"]
