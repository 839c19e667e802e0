"""Promotions, and what became of the plans of playbooks, in memory: counted one by one, without a database's help."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from statistics import median

from aetherlink.model.actions import Action
from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.incidents import Incident, IncidentStatus
from aetherlink.model.promotions import Promotion
from aetherlink.model.track_record import (
    MOST_EXAMPLES,
    RECOVERED,
    Counted,
    Kind,
    Repair,
    Tally,
    Trace,
    fate_of,
    trace_of,
)
from aetherlink.simulation.record_rows import ActionTable
from aetherlink.simulation.undo import Undo


class MemoryPromotionRows:
    """See ports.PromotionRows."""

    def __init__(self, rows: dict[PlaybookName, Promotion], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[Promotion]:
        """By playbook."""
        return [self._rows[each] for each in sorted(self._rows)]

    def of(self, playbook: PlaybookName) -> Promotion | None:
        """The one of this playbook, or None."""
        return self._rows.get(playbook)

    def put(self, promotion: Promotion) -> None:
        """Insert it, or replace the one of its playbook."""
        self._undo.put(self._rows, promotion.playbook, promotion)


class MemoryTrackRows:
    """See ports.TrackRows."""

    def __init__(self, table: ActionTable, incidents: Mapping[IncidentId, Incident]) -> None:
        self._table = table
        self._incidents = incidents

    def counted(self, *, since: datetime, now: datetime, most: int, playbook: PlaybookName | None = None) -> Counted:
        """See ports.TrackRows."""
        groups = defaultdict[tuple[PlaybookName, Kind, str, str], list[IncidentId]](list)
        times = defaultdict[tuple[PlaybookName, Kind], list[float]](list)
        for name, action in self._newest(since, playbook)[:most]:
            trace = trace_of(action)
            word, rule = self._word(action, trace, now), trace.rule if trace.kind is Kind.DENIED else ""
            groups[name, trace.kind, word, rule].append(action.incident_id or IncidentId(""))
            is_timed = trace.kind is Kind.OBSERVED or (trace.kind is Kind.RAN and word == RECOVERED)
            if trace.took_ms is not None and is_timed:
                times[name, trace.kind].append(trace.took_ms / 1000)
        tallies = tuple(_tally(*group, groups[group]) for group in sorted(groups))
        return Counted(tallies, {key: median(found) for key, found in times.items()}, sum(t.number for t in tallies))

    def repairs(self, playbook: PlaybookName, *, since: datetime, most: int) -> list[Repair]:
        """See ports.TrackRows."""
        traced = ((one, trace_of(one)) for _, one in self._newest(since, playbook))
        return [Repair(one.incident_id, trace.result) for one, trace in traced if trace.kind is Kind.RAN][:most]

    def _newest(self, since: datetime, playbook: PlaybookName | None) -> list[tuple[PlaybookName, Action]]:
        fitting = [
            (one.plan.playbook, one)
            for one in self._table.rows.values()
            if one.plan.playbook is not None and playbook in (None, one.plan.playbook) and one.created_at >= since
        ]
        return sorted(fitting, key=lambda pair: (pair[1].created_at, pair[1].id), reverse=True)

    def _word(self, action: Action, trace: Trace, now: datetime) -> str:
        if trace.kind is Kind.DENIED:
            return ""
        if trace.kind is not Kind.OBSERVED:
            return trace.result
        incident = None if action.incident_id is None else self._incidents.get(action.incident_id)
        is_open = incident is not None and incident.status is IncidentStatus.OPEN
        return fate_of(trace, action.created_at, now, is_open=is_open).value


def _tally(playbook: PlaybookName, kind: Kind, word: str, rule: str, incidents: list[IncidentId]) -> Tally:
    named = tuple(dict.fromkeys(each for each in incidents[:MOST_EXAMPLES] if each))
    return Tally(playbook, kind, word, rule, len(incidents), named)
