"""What the page at / shows: what is open and for whom, what waits for a person, and how the agent itself stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import Response

from aetherlink.console.writing import address, page
from aetherlink.model.actions import Action, ActionFilter, ActionState
from aetherlink.model.health import WHOLE
from aetherlink.model.incidents import Incident, IncidentFilter, IncidentStatus, Severity
from aetherlink.model.principals import Principal
from aetherlink.model.timeline import StoredEntry
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/"
AT_ONCE = 25  # incidents of one list
_MOST_WAITING = 20
_MOST_NAMED = 20  # brakes, pauses, tenants


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the lists is looked at, and how often the page is to come anew, in seconds."""

    status: IncidentStatus = IncidentStatus.OPEN
    vip_cursor: str | None = None
    cursor: str | None = None
    refresh: int | None = None
    severity: Severity | None = None

    @property
    def url(self) -> str:
        """Where this view is."""
        status = None if self.status is IncidentStatus.OPEN else self.status
        return address(
            PATH,
            status=status,
            severity=self.severity,
            vip_cursor=self.vip_cursor,
            cursor=self.cursor,
            refresh=self.refresh,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """An incident in a list, with its latest action, or with what was said of it last where there is none."""

    incident: Incident
    action: Action | None
    last: StoredEntry | None


@dataclass(frozen=True, slots=True)
class Part:
    """One list: its heading, its incidents, and where it goes on and begins, if not here."""

    heading: str
    items: Sequence[Listed]
    next_url: str | None
    first_url: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction saw."""

    parts: Sequence[Part]
    by_severity: Mapping[str, int]
    waiting: Sequence[Action]
    more_wait: bool


async def overview(services: ApiServices, view: View, caller: Principal) -> Response:
    """The page. Raises StoreError."""
    read = await services.store.read(lambda rows: _read(rows, view))
    pauses = await services.pause_commands.pauses()
    brakes = await services.approval_commands.brakes()
    now = services.clock.now()
    readings = services.health.present
    states = services.sources()
    return await page(
        services,
        "overview.html",
        caller=caller,
        view=view,
        severity_urls={one.value: View(severity=one, refresh=view.refresh).url for one in Severity},
        every_severity=View(view.status, refresh=view.refresh).url,
        toggle=replace(view, refresh=None if view.refresh else 30).url,
        parts=read.parts,
        by_severity=read.by_severity,
        open_count=sum(read.by_severity.values()),
        waiting=read.waiting,
        more_wait=read.more_wait,
        pauses=[pause for pause, in_force in pauses if in_force][:_MOST_NAMED],
        planned=[pause for pause, in_force in pauses if not in_force][:_MOST_NAMED],
        outside=services.outside_pause(),
        freezes=services.stance.freezes(now),
        brakes=brakes[:_MOST_NAMED],
        brakes_left_out=max(0, len(brakes) - _MOST_NAMED),
        blind=sorted(services.stance.blind_sources()),
        down=[state for state in states if state.is_up is False],
        sources=states,
        unready=services.readiness(),
        score=next((one for one in readings if one.tenant == WHOLE), None),
        tenants=[one for one in readings if one.tenant != WHOLE][:_MOST_NAMED],
        tenants_left_out=max(0, len(readings) - 1 - _MOST_NAMED),
    )


def _read(rows: Transaction, view: View) -> _Read:
    only = ActionFilter(state=ActionState.WAITING_APPROVAL)
    waiting, more = rows.actions.page(limit=_MOST_WAITING, before=None, only=only)
    parts = _open(rows, view) if view.status is IncidentStatus.OPEN else [_over(rows, view)]
    return _Read(parts, rows.incidents.open_by_severity(), waiting, more is not None)


def _open(rows: Transaction, view: View) -> list[Part]:
    """Two lists with a cursor each: those of VIP tenants come first, however many others there are."""
    return [
        _part(
            rows,
            "VIP tenants",
            IncidentFilter(IncidentStatus.OPEN, view.severity, vip=True),
            view.vip_cursor,
            lambda cursor: replace(view, vip_cursor=cursor).url,
        ),
        _part(
            rows,
            "Everybody else",
            IncidentFilter(IncidentStatus.OPEN, view.severity, vip=False),
            view.cursor,
            lambda cursor: replace(view, cursor=cursor).url,
        ),
    ]


def _over(rows: Transaction, view: View) -> Part:
    only = IncidentFilter(IncidentStatus.RESOLVED, view.severity)
    return _part(rows, "Newest first", only, view.cursor, lambda cursor: replace(view, cursor=cursor).url)


def _part(
    rows: Transaction,
    heading: str,
    only: IncidentFilter,
    cursor: str | None,
    url_of: Callable[[str | None], str],
) -> Part:
    found, following = rows.incidents.page(limit=AT_ONCE, before=cursor, only=only)
    return Part(
        heading,
        [_listed(rows, one) for one in found],
        next_url=None if following is None else url_of(following),
        first_url=None if cursor is None else url_of(None),
    )


def _listed(rows: Transaction, incident: Incident) -> Listed:
    action = None if incident.action_id is None else rows.actions.get(incident.action_id)
    if action is not None:
        return Listed(incident, action, None)
    last = rows.incidents.latest_entries(incident.id, limit=1)
    return Listed(incident, None, last[0] if last else None)
