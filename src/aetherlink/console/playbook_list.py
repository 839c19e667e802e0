"""What the pages at /playbooks show: each playbook with its mode and why it has that, and what it did or would have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Response

from aetherlink.console.writing import page
from aetherlink.errors import NotFoundError
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import IncidentId, PlaybookName
from aetherlink.model.incidents import Incident, IncidentFilter, IncidentStatus
from aetherlink.model.playbooks import Playbook
from aetherlink.model.principals import Principal
from aetherlink.model.promotions import Promotion
from aetherlink.model.track_record import Counted, Fate, Kind
from aetherlink.ports import PlaybookView, Transaction
from aetherlink.web.services import ApiServices

PATH = "/playbooks"
SPAN = timedelta(days=7)
_MOST = 1000  # plans that are counted for a page
_MOST_OPEN = 50  # incidents to choose among
SAID = {
    "promoted": "Promoted. It lasts until its file changes, its repairs keep failing, or somebody sets it back.",
    "demoted": "Set back. What has not begun yet is decided anew.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a playbook's page says: what was just done, and the incident to try it on; empty: none."""

    said: str = ""
    incident: str = ""


async def playbook_list(services: ApiServices, caller: Principal) -> Response:
    """All of them. Raises StoreError."""
    counted, promotions = await services.store.read(lambda rows: _counted(rows, services, None))
    book = services.playbooks
    items = [
        {
            "playbook": one,
            "mode": book.mode_of(one, promotions.get(one.name)),
            "why": why(book, one, promotions.get(one.name)),
            "record": counted.of(one.name),
        }
        for one in book.playbooks
    ]
    return await page(
        services,
        "playbooks.html",
        caller=caller,
        items=items,
        kinds=Kind,
        days=SPAN.days,
        is_cut=counted.plans >= _MOST,
    )


async def one_playbook(services: ApiServices, name: str, caller: Principal, asked: Asked) -> Response:
    """One of them, tried on an incident where one is named. Raises NotFoundError, StoreError."""
    playbook = next((one for one in services.playbooks.playbooks if one.name == name), None)
    if playbook is None:
        raise NotFoundError(f"there is no playbook {name!r}")
    trial = await services.trials.tried(playbook, IncidentId(asked.incident)) if asked.incident else None
    counted, promotions = await services.store.read(lambda rows: _counted(rows, services, playbook.name))
    promotion, book = promotions.get(playbook.name), services.playbooks
    mode = book.mode_of(playbook, promotion)
    return await page(
        services,
        "playbook.html",
        caller=caller,
        said=SAID.get(asked.said, ""),
        playbook=playbook,
        incidents=await services.store.read(_open),
        trial=trial,
        mode=mode,
        own_mode=book.mode_of(playbook),
        why=why(book, playbook, promotion),
        promotion=promotion,
        is_promoted=promotion is not None and promotion.holds_for(playbook),
        higher=_higher(book, playbook, mode),
        record=counted.of(playbook.name),
        kinds=Kind,
        fates=Fate,
        days=SPAN.days,
    )


def _open(rows: Transaction) -> Sequence[Incident]:
    found, _ = rows.incidents.page(limit=_MOST_OPEN, before=None, only=IncidentFilter(IncidentStatus.OPEN))
    return found


def why(book: PlaybookView, playbook: Playbook, promotion: Promotion | None) -> str:
    """Why its mode is what it is."""
    if not playbook.steps:
        return "it has no steps: it only observes"
    given = book.set_for(playbook.name)
    own = given or (promotion.mode if promotion is not None and promotion.holds_for(playbook) else playbook.mode)
    if own.rank > book.ceiling.rank:
        return f"the agent's mode is {book.ceiling}: no playbook does more"
    if given is not None:
        return "the settings say so (playbook_modes)"
    if promotion is not None and promotion.holds_for(playbook) and own.rank > playbook.mode.rank:
        return f"{promotion.by} promoted it: {promotion.reason}"
    return "its file says so"


def _higher(book: PlaybookView, playbook: Playbook, mode: Mode) -> list[Mode]:
    """What it could be promoted to; nothing where the settings give it a mode."""
    if not playbook.steps or book.set_for(playbook.name) is not None:
        return []
    most = min(playbook.ceiling.rank, book.ceiling.rank)
    return [one for one in Mode if mode.rank < one.rank <= most]


def _counted(
    rows: Transaction, services: ApiServices, name: PlaybookName | None
) -> tuple[Counted, dict[PlaybookName, Promotion]]:
    now = services.clock.now()
    counted = rows.track.counted(since=now - SPAN, now=now, most=_MOST, playbook=name)
    return counted, {one.playbook: one for one in rows.promotions.all()}
