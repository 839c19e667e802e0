"""What the page at /incidents shows: what is open, VIP tenants first, or what was resolved; each list in its pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import Response

from aetherlink.console.listed import Listed, listed
from aetherlink.console.writing import address, page
from aetherlink.model.incidents import IncidentFilter, IncidentStatus, Severity
from aetherlink.model.principals import Principal
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/incidents"
AT_ONCE = 25  # incidents of one list


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the lists is looked at."""

    status: IncidentStatus = IncidentStatus.OPEN
    vip_cursor: str | None = None
    cursor: str | None = None
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
        )


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


async def incident_list(services: ApiServices, view: View, caller: Principal) -> Response:
    """The page. Raises StoreError."""
    read = await services.store.read(lambda rows: _read(rows, view))
    return await page(
        services,
        "incidents.html",
        caller=caller,
        view=view,
        severity_urls={one.value: View(view.status, severity=one).url for one in Severity},
        every_severity=View(view.status).url,
        parts=read.parts,
        by_severity=read.by_severity,
        open_count=sum(read.by_severity.values()),
    )


def _read(rows: Transaction, view: View) -> _Read:
    parts = _open(rows, view) if view.status is IncidentStatus.OPEN else [_over(rows, view)]
    return _Read(parts, rows.incidents.open_by_severity())


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
        [listed(rows, one) for one in found],
        next_url=None if following is None else url_of(following),
        first_url=None if cursor is None else url_of(None),
    )
