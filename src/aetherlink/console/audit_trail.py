"""What the page at /audit shows: what people did, newest first, and how far the anchors reach.

A page looks at so many timeline entries, whatever they say: the entries are numbered in their order, so that an instant
is found by halving.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi import Response

from aetherlink.console.writing import address, page
from aetherlink.errors import BadRequestError
from aetherlink.model.principals import Principal
from aetherlink.model.timeline import StoredEntry
from aetherlink.ports import Transaction
from aetherlink.web.services import ApiServices

PATH = "/audit"
_LOOKED_AT = 10_000  # entries, for one page
_MOST_READ = 200  # of them that name somebody
_AGENT = "agent"


@dataclass(frozen=True, slots=True)
class View:
    """Who, up to which instant, and below which number."""

    person: str = ""
    until: str = ""
    before: int | None = None

    def to(self, **other: object) -> str:
        """Where this view is, with something else in it."""
        view = replace(self, **{"before": None, **other})  # type: ignore[arg-type]  # names of fields
        return address(PATH, person=view.person or None, until=view.until or None, before=view.before)


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did."""

    by: str
    stored: StoredEntry


@dataclass(frozen=True, slots=True)
class Read:
    """What was found among the entries from `first` to `last`."""

    deeds: Sequence[Deed]
    first: int
    last: int


async def audit_trail(services: ApiServices, view: View, caller: Principal) -> Response:
    """The page. Raises BadRequestError for what is no instant, StoreError."""
    until, entries = _instant(view.until), services.anchors.entries

    def work(rows: Transaction) -> Read:
        end = entries if view.before is None else min(view.before - 1, entries)
        return _read(rows, end if until is None else min(end, _number_at(rows, until, end)), view.person)

    read = await services.store.read(work)
    return await page(
        services,
        "audit.html",
        caller=caller,
        view=view,
        read=read,
        entries=entries,
        anchor=services.anchors.last,
        next_url=view.to(before=read.first) if read.first > 1 else None,
        first_url=None if view.before is None else view.to(),
    )


def _read(rows: Transaction, end: int, person: str) -> Read:
    start = max(0, end - _LOOKED_AT)
    found = rows.incidents.deeds(above=start, up_to=end, limit=_MOST_READ)
    deeds = [Deed(by, one) for one in found if (by := who(one)) and person.lower() in by.lower()]
    return Read(deeds, found[-1].number if len(found) == _MOST_READ else start + 1, end)


def who(stored: StoredEntry) -> str:
    """The person who did it; empty: nobody did, or the agent."""
    facts = stored.entry.facts
    by = str(facts.get("resumed_by") or facts.get("by") or "")
    return "" if by == _AGENT else by


def _number_at(rows: Transaction, until: datetime, end: int) -> int:
    """The number of the last entry that is no later."""
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        found = rows.incidents.entries_after(middle - 1, limit=1)
        low, high = (middle, high) if found and found[0].entry.at <= until else (low, middle - 1)
    return low


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequestError(f"{text!r} is no instant: write for instance 2026-11-02T20:06") from None
    return found.replace(tzinfo=found.tzinfo or UTC)
