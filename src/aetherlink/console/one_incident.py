"""What the page of one incident shows: what is known, what was decided and done, what proves it, and the timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import Response

from aetherlink.commands import plan_to_undo
from aetherlink.console.asking import asked
from aetherlink.console.charted import charts_of
from aetherlink.console.steps import steps_of
from aetherlink.console.writing import address, page
from aetherlink.errors import NotFoundError
from aetherlink.lib.flattening import flat
from aetherlink.model.actions import Action, ActionFilter, Plan
from aetherlink.model.alerts import AlertFilter, StoredAlert
from aetherlink.model.audit import ChainState
from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Incident
from aetherlink.model.principals import Principal
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

ALERTS_AT_ONCE = 20
ACTIONS_AT_ONCE = 10
ENTRIES_AT_ONCE = 50
MOST_CHECKED = 1_000  # entries whose hashes are checked for one page
_PROOFS = (EventKind.VERIFIED, EventKind.NOT_RECOVERED, EventKind.CANNOT_TELL)


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the lists is looked at; `after` None: the newest entries of the timeline."""

    incident_id: IncidentId
    alerts: str | None = None
    actions: str | None = None
    after: int | None = None

    @property
    def url(self) -> str:
        """Where this view is."""
        return address(f"/incidents/{self.incident_id}", alerts=self.alerts, actions=self.actions, after=self.after)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction saw."""

    incident: Incident
    action: Action | None
    alerts: Sequence[StoredAlert]
    alerts_cursor: str | None
    actions: Sequence[Action]
    actions_cursor: str | None
    entries: Sequence[StoredEntry]
    last: int
    proofs: Mapping[str, StoredEntry]
    decided: StoredEntry | None
    marked: Sequence[StoredEntry]
    chain: ChainState

    @property
    def fired_at(self) -> datetime | None:
        """When the first of its alerts that are shown began."""
        return min((one.alert.starts_at for one in self.alerts), default=None)


async def one_incident(
    services: ApiServices, view: View, caller: Principal, *, said: str = "", refused: str = "", status: int = 200
) -> Response:
    """The page, with what was just done or why it was not. Raises NotFoundError, StoreError."""
    read = await services.store.read(lambda rows: _read(rows, view))
    return await page(
        services,
        "incident.html",
        caller=caller,
        status=status,
        said=said,
        refused=refused,
        view=view,
        read=read,
        ask=asked(read.action),
        undoing=_undoing(read.action),
        steps=steps_of(read.incident, read.action),
        charts=charts_of(read.incident, read.action, read.marked, fired_at=read.fired_at),
        graphs=services.graphs_of(read.incident),
        others=[one for one in read.actions if one.id != read.incident.action_id],
        flat=_said,
        alerts_next=_url(read.alerts_cursor, replace(view, alerts=read.alerts_cursor), "alerts"),
        alerts_first=_url(view.alerts, replace(view, alerts=None), "alerts"),
        actions_next=_url(read.actions_cursor, replace(view, actions=read.actions_cursor), "actions"),
        actions_first=_url(view.actions, replace(view, actions=None), "actions"),
        earlier=_earlier(view, read),
        later=_later(view, read),
        newest=_url(view.after is not None or None, replace(view, after=None), "timeline"),
    )


def _undoing(action: Action | None) -> str:
    """What would take the action back, in words; empty where nothing can."""
    plan = None if action is None else plan_to_undo(action)
    return plan.words if isinstance(plan, Plan) else ""


def _said(facts: Mapping[str, object]) -> list[tuple[str, object]]:
    """Every fact with its path, but for those that say nothing."""
    return [(path, value) for path, value in flat(facts) if value not in (None, "")]


def _url(is_there: object, view: View, anchor: str) -> str | None:
    return None if is_there is None else f"{view.url}#{anchor}"


def _earlier(view: View, read: _Read) -> str | None:
    if not read.entries or read.entries[0].sequence == 1:
        return None
    after = max(0, read.entries[0].sequence - 1 - ENTRIES_AT_ONCE)
    return _url(after, replace(view, after=after), "timeline")


def _later(view: View, read: _Read) -> str | None:
    if not read.entries or read.entries[-1].sequence >= read.last:
        return None
    return _url(read.last, replace(view, after=read.entries[-1].sequence), "timeline")


def _read(rows: Transaction, view: View) -> _Read:
    incident = rows.incidents.get(view.incident_id)
    if incident is None:
        raise NotFoundError(f"there is no incident {view.incident_id!r}")
    of_it = incident.id
    alerts, alerts_cursor = rows.alerts.page(
        limit=ALERTS_AT_ONCE, before=view.alerts, only=AlertFilter(incident_id=of_it)
    )
    actions, actions_cursor = rows.actions.page(
        limit=ACTIONS_AT_ONCE, before=view.actions, only=ActionFilter(incident_id=of_it)
    )
    newest = rows.incidents.latest_entries(of_it, limit=ENTRIES_AT_ONCE)
    decided = rows.incidents.latest_entries(of_it, limit=1, kind=EventKind.DECIDED)
    return _Read(
        incident,
        None if incident.action_id is None else rows.actions.get(incident.action_id),
        alerts,
        alerts_cursor,
        actions,
        actions_cursor,
        _entries(rows, view, newest),
        newest[0].sequence if newest else 0,
        _proofs(rows, of_it),
        decided[0] if decided else None,
        newest,
        rows.incidents.chain_state(of_it, most=MOST_CHECKED),
    )


def _entries(rows: Transaction, view: View, newest: Sequence[StoredEntry]) -> Sequence[StoredEntry]:
    if view.after is None:
        return newest[::-1]
    return rows.incidents.timeline(view.incident_id, limit=ENTRIES_AT_ONCE, after=view.after)


def _proofs(rows: Transaction, incident_id: IncidentId) -> dict[str, StoredEntry]:
    """The entries that say whether an action helped, by the action's id."""
    found = (
        entry
        for kind in _PROOFS
        for entry in rows.incidents.latest_entries(incident_id, limit=ACTIONS_AT_ONCE, kind=kind)
    )
    return {str(entry.entry.facts.get("action_id")): entry for entry in found}
