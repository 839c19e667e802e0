"""GET /api/v1/report: of each playbook what it did, what it would have done, what happened then, and what kept it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from aetherlink.api.shapes import Instant
from aetherlink.errors import BadRequestError
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.principals import Scope
from aetherlink.model.promotions import Promotion
from aetherlink.model.track_record import (
    MOST_COUNTED,
    MOST_EXAMPLES,
    RECOVERED,
    REFUSED,
    RUNNING,
    UNJUDGED,
    WAITING,
    WRONG,
    Counted,
    Fate,
    Kind,
    TrackRecord,
)
from aetherlink.ports import Transaction
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_USUALLY = timedelta(days=7)
_LONGEST = timedelta(days=366)
_NEVER = TrackRecord((), {})


class Asked(BaseModel):
    """Since when, and of which playbook."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(default=None, description="Plans decided since then; else of seven days.")
    playbook: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Of this one only; else of all."
    )


class ObservedShape(BaseModel):
    """What it would have done: `when` held, the target could be acted on, and no rule but the mode was against it.

    Each count but `total` is a part of it; `right`, `needless`, `wrong` and `not_known` sum up all of it.
    """

    total: int = Field(examples=[14])
    right: int = Field(
        description="It did not end by itself within the time that the repair may take (`verify.within`).",
        examples=[11],
    )
    needless: int = Field(description="It ended by itself within that time.", examples=[1])
    wrong: int = Field(description="A person called it wrong (`aether wrong`).", examples=[0])
    not_known: int = Field(description="Counted neither for it nor against it.", examples=[2])
    right_share: float | None = Field(
        description="Of those of which it is known, from 0 to 1; null: it is known of none.", examples=[0.917]
    )
    ended_by_itself: int = Field(description="However late.", examples=[3])
    looked_after: int = Field(description="A person acknowledged it or closed it.", examples=[4])
    repaired: int = Field(description="Another action on the target helped.", examples=[3])
    stayed: int = Field(description="It fires still, for longer than the repair may take.", examples=[2])
    open: int = Field(description="It fires still, and it is too early to tell.", examples=[1])
    lost: int = Field(description="Nobody wrote down how it went on.", examples=[0])
    median_seconds: float | None = Field(description="Until it ended, however it did.", examples=[731.0])


class ActedShape(BaseModel):
    """What it did. Each count but `total` and `undone` is a part of `total`."""

    total: int = Field(examples=[6])
    recovered: int = Field(description="Verified: the alarm's own signal was well again.", examples=[5])
    not_recovered: int = Field(examples=[1])
    cannot_tell: int = Field(description="There was no data to judge by.", examples=[0])
    failed: int = Field(examples=[0])
    unknown: int = Field(description="Nobody can tell whether it was carried out.", examples=[0])
    wrong: int = Field(description="A person called it wrong.", examples=[0])
    unchanged: int = Field(description="There was nothing to do, or it was not done.", examples=[0])
    unfinished: int = Field(description="It runs, or is being verified.", examples=[0])
    undone: int = Field(description="Taken back, because they had not helped.", examples=[1])
    helped_share: float | None = Field(
        description="Recovered, of all that is settled, from 0 to 1; null: nothing is.", examples=[0.833]
    )
    median_seconds: float | None = Field(description="From the decision to the proof that it helped.", examples=[9.4])


class AskedShape(BaseModel):
    """What people were asked to approve and was not carried out (what was carried out is in `acted`)."""

    total: int = Field(examples=[2])
    waiting: int = Field(examples=[0])
    over: int = Field(description="It was over before anybody said yes.", examples=[1])
    refused: int = Field(description="Denied, taken back or expired.", examples=[1])


class DeniedShape(BaseModel):
    """How often this rule was what kept it from acting in the end."""

    rule: str = Field(examples=["evidence_holds"])
    number: int = Field(examples=[3])
    incidents: list[str] = Field(description=f"The newest, {MOST_EXAMPLES} at most.")


class ExampleShape(BaseModel):
    """Incidents of one kind: look at them before you trust the number."""

    what: str = Field(examples=["observed: ended_early"])
    number: int = Field(examples=[1])
    incidents: list[str] = Field(description=f"The newest, {MOST_EXAMPLES} at most.")


class RecordShape(BaseModel):
    """One playbook."""

    playbook: str = Field(examples=["restart-crm-api"])
    mode: Mode | None = Field(description="The mode in force; null: it is not there any more.")
    observed: ObservedShape
    acted: ActedShape
    asked: AskedShape
    held: int = Field(description="Allowed, and then not carried out: something was against it by then.")
    denied: list[DeniedShape] = Field(description="The most frequent rule first.")
    examples: list[ExampleShape]


class ReportShape(BaseModel):
    """Every playbook of which there was something, and every one in force that can act."""

    since: Instant
    until: Instant
    plans: int = Field(description="How many were counted.", examples=[23])
    is_complete: bool = Field(description=f"False: there are more than {MOST_COUNTED}; the newest are counted.")
    items: list[RecordShape]


def router(services: ApiServices) -> APIRouter:
    """The report."""
    routes = guarded_router(prefix="/api/v1/report", tag="playbooks")

    @routes.get(
        "",
        summary="What playbooks did or would have done, and what happened then",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def report(asked: Annotated[Asked, Query()]) -> ReportShape:
        """By their names: what a playbook did before its file was changed counts as well."""
        now = services.clock.now()
        since = _since(asked.since, now)
        only = None if asked.playbook is None else PlaybookName(asked.playbook)

        def work(rows: Transaction) -> tuple[Counted, dict[PlaybookName, Promotion]]:
            counted = rows.track.counted(since=since, now=now, most=MOST_COUNTED, playbook=only)
            return counted, {one.playbook: one for one in rows.promotions.all()}

        counted, promotions = await services.store.read(work)
        modes = {
            one.name: services.playbooks.mode_of(one, promotions.get(one.name))
            for one in services.playbooks.playbooks
            if only in (None, one.name)
        }
        acting = {one.name for one in services.playbooks.playbooks if one.steps} & modes.keys()
        items = [_record(name, modes.get(name), counted) for name in sorted(acting | counted.playbooks)]
        is_complete = counted.plans < MOST_COUNTED
        return ReportShape(since=since, until=now, plans=counted.plans, is_complete=is_complete, items=items)

    return routes


def _since(asked: datetime | None, now: datetime) -> datetime:
    since = now - _USUALLY if asked is None else asked.astimezone(UTC)
    if not now - _LONGEST <= since <= now:
        raise BadRequestError(f"since: name an instant of the last {_LONGEST.days} days")
    return since


def _record(name: PlaybookName, mode: Mode | None, counted: Counted) -> RecordShape:
    record = counted.of(name)
    return RecordShape(
        playbook=name,
        mode=mode,
        observed=_observed(record),
        acted=_acted(record),
        asked=_asked(record),
        held=record.number(Kind.HELD),
        denied=[DeniedShape(rule=one.rule, number=one.number, incidents=list(one.incidents)) for one in record.denials],
        examples=[
            ExampleShape(what=f"{one.kind}: {one.word}", number=one.number, incidents=list(one.incidents))
            for one in record.tallies
            if one.word and one.incidents
        ],
    )


def _observed(record: TrackRecord) -> ObservedShape:
    number = record.number
    return ObservedShape(
        total=number(Kind.OBSERVED),
        right=record.right,
        needless=record.needless,
        wrong=record.wrong,
        not_known=record.not_known,
        right_share=_share(record.right_share),
        ended_by_itself=number(Kind.OBSERVED, Fate.EARLY, Fate.LATE),
        looked_after=number(Kind.OBSERVED, Fate.PERSON_EARLY, Fate.PERSON_LATE),
        repaired=number(Kind.OBSERVED, Fate.REPAIRED),
        stayed=number(Kind.OBSERVED, Fate.STAYED),
        open=number(Kind.OBSERVED, Fate.OPEN),
        lost=number(Kind.OBSERVED, Fate.LOST),
        median_seconds=record.medians.get(Kind.OBSERVED),
    )


def _acted(record: TrackRecord) -> ActedShape:
    number = record.number
    return ActedShape(
        total=number(Kind.RAN),
        recovered=number(Kind.RAN, RECOVERED),
        not_recovered=number(Kind.RAN, "not_recovered"),
        cannot_tell=number(Kind.RAN, "cannot_tell"),
        failed=number(Kind.RAN, "failed"),
        unknown=number(Kind.RAN, "unknown"),
        wrong=number(Kind.RAN, WRONG),
        unchanged=number(Kind.RAN, "not_needed", "not_done"),
        unfinished=number(Kind.RAN, RUNNING, UNJUDGED, ""),
        undone=number(Kind.UNDID, "done", "not_needed"),
        helped_share=_share(record.helped_share),
        median_seconds=record.medians.get(Kind.RAN),
    )


def _asked(record: TrackRecord) -> AskedShape:
    return AskedShape(
        total=record.number(Kind.ASKED),
        waiting=record.number(Kind.ASKED, WAITING),
        over=record.number(Kind.ASKED, "not_needed"),
        refused=record.number(Kind.ASKED, REFUSED),
    )


def _share(share: float | None) -> float | None:
    return None if share is None else round(share, 3)
