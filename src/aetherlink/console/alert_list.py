"""What the page at /alerts shows: what fires now, grouped and narrowed by matchers as Alertmanager writes them.

The address is the filter. A page reads the alerts that changed last, so many at most, and says so where there are more;
the list that scrolls is handed over in parts that do not grow with what fires, each as compact JSON of which the texts
stand once each.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fastapi import Response

from aetherlink.console.writing import address, page
from aetherlink.model.alerts import AlertLine, AlertSeverity, AlertStatus, LinePlace
from aetherlink.model.playbooks import Matcher
from aetherlink.model.principals import Principal
from aetherlink.playbooks.matchers import parse_matcher
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/alerts"
GROUPS = ("alertname", "service", "tenant", "source", "none")
_MOST_ON_PAGE = 1000  # that are looked at for the page without a script
_AT_ONCE = 50  # of them on one page
_MOST_COUNTED = 20_000  # as far as the list that scrolls goes (alerts.js)
_PART = 500  # alerts of one part of that list
_LOOKED_AT = 1000  # for one part, where only some of them fit
_LARGEST_PART = 200_000  # characters of a part's texts: labels may be long
_MOST_GROUPS = 40
_MOST_MATCHERS = 20
CURSOR = re.compile(r"[0-9]{1,16}-[0-9]{1,15}")  # of a part of the list that scrolls
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BETWEEN = re.compile(r"""(?:[^,"]|"(?:\\.|[^"\\])*")+""")
_LABELS_LEFT_OUT = frozenset({"alertname", "severity"})
_MOST_LABELS = 8
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at: `matchers` as they were typed, `group` one of GROUPS, `page` counts from 1."""

    matchers: str = ""
    status: AlertStatus = AlertStatus.FIRING
    severity: AlertSeverity | None = None
    suppressed: bool | None = None
    group: str = "alertname"
    page: int = 1

    def to(self, path: str = PATH, **other: object) -> str:
        """Where this view is, with something else in it."""
        view = replace(self, **{"page": 1, **other})  # type: ignore[arg-type]  # names of fields
        return address(
            path,
            q=view.matchers or None,
            status=None if view.status is AlertStatus.FIRING else view.status.value,
            severity=None if view.severity is None else view.severity.value,
            suppressed=None if view.suppressed is None else str(view.suppressed).lower(),
            group=None if view.group == "alertname" else view.group,
            page=None if view.page == 1 else view.page,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether some may be left out."""
        return bool(self.matchers.strip()) or self.severity is not None or self.suppressed is not None


def parsed(text: str) -> tuple[Matcher, ...]:
    """The matchers, with or without braces around them. Raises ValueError in words for who typed them."""
    bare = text.strip().removeprefix("{").removesuffix("}").strip()
    parts = [part.strip() for part in _BETWEEN.findall(bare) if part.strip()]
    if sum(map(len, _BETWEEN.findall(bare))) + bare.count(",") < len(bare):
        raise ValueError(f"a quote is not closed in {bare}")
    if len(parts) > _MOST_MATCHERS:
        raise ValueError(f"{len(parts)} matchers: {_MOST_MATCHERS} at most")
    return tuple(parse_matcher(part) for part in parts)


async def alert_list(services: ApiServices, view: View, caller: Principal) -> Response:
    """The page. Raises StoreError."""
    try:
        matchers, problem = parsed(view.matchers), ""
    except ValueError as wrong:
        matchers, problem = (), str(wrong)
    found, is_cut, stored = await services.store.read(lambda rows: _read(rows, view))
    fitting = [] if problem else [one for one in found if fits(one, view, matchers)]
    start = (view.page - 1) * _AT_ONCE
    shown = fitting[start : start + _AT_ONCE]
    return await page(
        services,
        "alerts.html",
        caller=caller,
        view=view,
        problem=problem,
        lines=grouped(shown, view.group),
        groups=Counter(group_of(one, view.group) for one in fitting).most_common(_MOST_GROUPS),
        total=len(fitting) if view.is_narrowed or problem else min(stored, _MOST_COUNTED),
        is_cut=is_cut and view.is_narrowed,
        is_more=stored > _MOST_COUNTED,
        most=_MOST_ON_PAGE,
        is_any=bool(found),
        next_url=view.to(page=view.page + 1) if len(fitting) > start + _AT_ONCE else None,
        first_url=view.to() if view.page > 1 else None,
        all_groups=GROUPS,
        severities=list(AlertSeverity),
    )


def _read(rows: Transaction, view: View) -> tuple[Sequence[AlertLine], bool, int]:
    """What a page looks at, whether there is more, and how many there are."""
    found, place = rows.alerts.lines(view.status, limit=_MOST_ON_PAGE)
    return found, place is not None, rows.alerts.count(view.status, most=_MOST_COUNTED + 1)


async def listed(services: ApiServices, view: View, cursor: str | None) -> dict[str, object]:
    """Those that fit among the next ones, for the list that scrolls, and where it goes on.

    Raises StoreError, and ValueError for matchers that are none.
    """
    matchers, after = parsed(view.matchers), None if cursor is None else _place_at(cursor)

    def work(rows: Transaction) -> dict[str, object]:
        most = _LOOKED_AT if view.is_narrowed else _PART
        found, place = rows.alerts.lines(view.status, limit=most, before=after)
        part = _Part(view.group)
        looked = 0
        for one in found:
            looked += 1
            if fits(one, view, matchers):
                part.add(one)
            is_full = len(part.rows) >= _PART or part.size > _LARGEST_PART
            if is_full and (place is not None or looked < len(found)):
                place = one.place
                break
        stored = None if after is not None else rows.alerts.count(view.status, most=_MOST_COUNTED + 1)
        following = None if place is None else _cursor_of(place)
        return {"rows": part.rows, "texts": list(part.texts), "looked": looked, "next": following, "stored": stored}

    return await services.store.read(work)


def _cursor_of(place: LinePlace) -> str:
    return f"{(place.updated_at - _EPOCH) // _MICROSECOND}-{place.id}"


def _place_at(cursor: str) -> LinePlace:
    instant, _, number = cursor.partition("-")
    return LinePlace(_EPOCH + int(instant) * _MICROSECOND, int(number))


def fits(one: AlertLine, view: View, matchers: Sequence[Matcher]) -> bool:
    """Whether the view shows it. `tenant` and `severity` of a matcher are labels, as Alertmanager has it."""
    if view.severity is not None and one.severity != view.severity.value:
        return False
    if view.suppressed is not None and bool(one.suppressed) is not view.suppressed:
        return False
    return all(matcher.matches(one.labels) for matcher in matchers)


def group_of(one: AlertLine, group: str) -> str:
    """What it is grouped by; empty: it has no such thing."""
    match group:
        case "alertname":
            return one.name
        case "tenant":
            return one.tenant
        case "source":
            return one.source
        case "service":
            return one.labels.get("service", "")
        case _:
            return ""


def grouped(lines: Sequence[AlertLine], group: str) -> list[AlertLine]:
    """Group by group, the larger first; within a group as they came."""
    sizes = Counter(group_of(one, group) for one in lines)
    return sorted(lines, key=lambda one: (-sizes[name := group_of(one, group)], name))


def labels_of(one: AlertLine) -> str:
    """The labels that tell it from its neighbours, in a line."""
    rest = [(name, value) for name, value in one.labels.items() if name not in _LABELS_LEFT_OUT]
    return "  ".join(f"{name}={value[:_LONGEST]}" for name, value in rest[:_MOST_LABELS])


class _Part:
    """Rows of the list that scrolls: numbers, of which most are places among the texts."""

    def __init__(self, group: str) -> None:
        self._group = group
        self.texts: dict[str, int] = {}
        self.rows: list[tuple[int, ...]] = []
        self.size = 0

    def add(self, one: AlertLine) -> None:
        """As the last row."""
        place = self._place
        self.rows.append(
            (
                place(group_of(one, self._group)),
                place(one.name),
                place(one.severity),
                place(one.suppressed),
                place(one.tenant),
                place(labels_of(one)),
                int(one.starts_at.timestamp()),
                place(one.incident_id or ""),
            )
        )

    def _place(self, text: str) -> int:
        text = text[: _LONGEST * _MOST_LABELS]
        known = self.texts.get(text)
        if known is None:
            known = self.texts[text] = len(self.texts)
            self.size += len(text)
        return known
