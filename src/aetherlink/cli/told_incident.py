"""An incident in a few lines: what is broken, for whom, since when, why, what the agent did or wants, what to type."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aetherlink.cli.instants import lasting, parsed, seconds_since
from aetherlink.cli.printing import Marked, labels
from aetherlink.cli.styles import SEVERITIES
from aetherlink.cli.told_action import commands, shown_of, tried

Fact = tuple[str, object]

_MOST_ALERTS = 3
_LONGEST = 150  # of one fact, where it is cut: two lines of 80 columns
_STAGES = {
    "plan": "looks for a playbook",
    "decide": "decides",
    "approve": "waits for approval",
    "act": "acts",
    "verify": "checks whether the repair helped",
    "undo": "takes the repair back",
    "watch": "waits for its alerts to end",
    "done": "is done",
}


def facts(found: Mapping[str, Any], now: datetime, *, is_cut: bool) -> Iterator[Fact]:
    """Name by name; `is_cut`: none longer than two lines, for a screen has few."""
    told = (*_broken(found, now), *_why(found), *_agent(found, now), *_alerts(found, now))
    for name, value in told:
        yield name, _cut(value) if is_cut else value
    if not is_cut:
        yield "source", found.get("source")
        yield "labels", labels(found.get("labels") or {})


def _broken(found: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
    severity = str(found.get("severity"))
    title = found.get("title") or found.get("id")
    yield "broken", Marked(f"{severity.upper()}: {title}", SEVERITIES.get(severity, "bold"))
    yield "incident", found.get("id")
    yield "for", _for_whom(found)
    yield "since", ", ".join(_since(found, now))
    yield "stands", "; ".join(_stands(found))


def _for_whom(found: Mapping[str, Any]) -> str:
    tenant = f"{found.get('tenant') or 'no tenant in particular'}{' (VIP)' if found.get('vip') else ''}"
    return f"{tenant}, service {found['service']}" if found.get("service") else tenant


def _since(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    end = parsed(found.get("resolved_at")) or now
    yield f"{lasting(seconds_since(found.get('opened_at'), end))} ({found.get('opened_at')})"
    if found.get("resolved_at"):
        yield f"until {found['resolved_at']}"
    if found.get("firing"):
        yield f"{found['firing']} firing"
    if found.get("reopened"):
        yield f"back for the {found['reopened'] + 1}. time"
    if found.get("flapping_until"):
        yield "flaps"


def _stands(found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("status") == "open":
        yield f"open: the agent {_STAGES.get(str(found.get('stage')), found.get('stage'))}"
    else:
        yield f"{found.get('status')} by {found['closed_by']}" if found.get("closed_by") else str(found.get("status"))
    if found.get("hands_off"):
        yield "it tries nothing else by itself"
    if found.get("escalated"):
        yield "a person was called"
    if found.get("acknowledged_by"):
        yield f"{found['acknowledged_by']} looks after it since {found.get('acknowledged_at')}"


def _why(found: Mapping[str, Any]) -> Iterator[Fact]:
    alert: Mapping[str, Any] = next(iter(found.get("alerts") or ()), {})
    said = alert.get("annotations") or {}
    timeline = found.get("timeline") or []
    words = said.get("description") or said.get("summary") or _last(timeline, "opened").get("text")
    yield "cause", words or "not known yet"
    decided = _last(timeline, "decided").get("facts") or {}
    if seen := shown_of(found.get("action")).get("evidence") or decided.get("evidence"):
        yield "seen", seen


def _agent(found: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
    action, timeline = found.get("action"), found.get("timeline") or []
    if action:
        yield "agent", tried(action)
        if undo := shown_of(action).get("undo"):
            yield "undo", undo
        if result := _last(timeline, "verified", "not_recovered", "cannot_tell", "undone"):
            yield "result", result.get("text")
    elif timeline:
        yield "agent", f"did nothing: {_last(timeline, 'planned', 'decided', 'escalated').get('text') or 'nothing yet'}"
    yield from commands(action or {}, now)
    if found.get("status") == "open" and not found.get("acknowledged_by"):
        yield "look after", f"aether ack {found.get('id')}"


def _alerts(found: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
    alerts: Sequence[Mapping[str, Any]] = found.get("alerts") or []
    for place, one in enumerate(alerts[:_MOST_ALERTS]):
        since = lasting(seconds_since(one.get("starts_at"), now))
        yield "" if place else "alerts", f"{one.get('name')} ({one.get('severity')}), {one.get('status')}, {since} ago"
    if len(alerts) > _MOST_ALERTS:
        yield "", f"and {len(alerts) - _MOST_ALERTS} more: aether alerts --incident {found.get('id')}"


def _last(timeline: Sequence[Mapping[str, Any]], *kinds: str) -> Mapping[str, Any]:
    return next((entry for entry in reversed(timeline) if entry.get("kind") in kinds), {})


def _cut(value: object) -> object:
    text = str(value)
    if len(text) <= _LONGEST:
        return value
    short = f"{text[: _LONGEST - 1]}…"
    return Marked(short, value.style) if isinstance(value, Marked) else short
