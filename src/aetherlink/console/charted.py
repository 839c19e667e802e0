"""Which graphs show a fault and its repair: the questions that the agent asked, around the time of the fault."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import promql_parser

from aetherlink.model.actions import Action
from aetherlink.model.incidents import Incident
from aetherlink.model.timeline import EventKind, StoredEntry

BEFORE = timedelta(minutes=15)
_AFTER = timedelta(minutes=10)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_MARKED = {
    EventKind.ACTION_STARTED: "started",
    EventKind.VERIFIED: "verified",
    EventKind.NOT_RECOVERED: "did not help",
    EventKind.UNDONE: "undone",
    EventKind.RESOLVED: "resolved",
}
_MOST_MARKS = 30


@dataclass(frozen=True, slots=True)
class Chart:
    """One graph: what it is for, the question as the agent asked it, what is drawn of it, and the bound."""

    title: str
    query: str
    drawn: str
    bound: float | None
    source: str
    start: datetime
    end: datetime | None
    marks: str


def charts_of(
    incident: Incident, action: Action | None, entries: Sequence[StoredEntry], *, fired_at: datetime | None
) -> Sequence[Chart]:
    """Those of the incident's latest action; none without one. `end` None: it goes on until now."""
    if action is None:
        return []
    start = min(incident.opened_at, fired_at or incident.opened_at) - BEFORE
    end = None if incident.resolved_at is None else incident.resolved_at + _AFTER
    marks = json.dumps(list(_marks(incident, entries, fired_at)))
    charts: list[Chart] = []
    for title, query in (("Why it acts", action.plan.when), ("What proves that it helped", action.plan.verify)):
        if query:
            drawn, bound = drawable(query)
            if drawn not in {one.drawn for one in charts}:  # `up == 0` and `up == 1` are one graph
                charts.append(Chart(title, query, drawn, bound, incident.source, start, end, marks))
    return charts


def drawable(query: str) -> tuple[str, float | None]:
    """What is compared with a number, and the number: the comparison itself would leave nothing where it does not hold.

    Any other query is drawn as it is.
    """
    try:
        parsed = promql_parser.parse(query)
    except ValueError:
        return query, None
    while isinstance(parsed, promql_parser.ParenExpr):
        parsed = parsed.expr
    if not isinstance(parsed, promql_parser.BinaryExpr) or str(parsed.op) not in _COMPARISONS:
        return query, None
    if not isinstance(parsed.rhs, promql_parser.NumberLiteral):
        return query, None
    return parsed.lhs.prettify(), parsed.rhs.val


def _marks(
    incident: Incident, entries: Sequence[StoredEntry], fired_at: datetime | None
) -> Iterator[dict[str, object]]:
    yield {"at": (fired_at or incident.opened_at).timestamp(), "kind": "fired", "words": "alert"}
    for stored in entries[:_MOST_MARKS]:
        entry = stored.entry
        if entry.kind in _MARKED:
            yield {"at": entry.at.timestamp(), "kind": entry.kind.value, "words": _MARKED[entry.kind]}
