"""GET /api/v1/playbooks: what the agent would do about which alerts, and how good that was so far."""

from collections.abc import Mapping

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api.routers import promotions
from aetherlink.api.shapes import EXAMPLE_HASH
from aetherlink.model import would_be
from aetherlink.model.actions import Verb, Verdict
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.playbooks import Playbook, PlaybookStep, TargetChoice
from aetherlink.model.precision import MOST_COUNTED, SPAN, Precision
from aetherlink.model.principals import Scope
from aetherlink.model.promotions import Promotion, PromotionState
from aetherlink.ports import PlaybookView, Transaction
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import Page
from aetherlink.web.services import ApiServices

_NEVER = Precision()  # one that only observes does nothing, and would do nothing


class TargetShape(BaseModel):
    """Which target a step is for."""

    name: str | None = Field(description="Null: the one that the alert's labels name.", examples=["crm-api"])
    executor: str = Field(description="Only of this executor; empty: of any.", examples=["lab"])


class ScaleShape(BaseModel):
    """By how many replicas, within which bounds."""

    by: int = Field(examples=[1])
    min: int | None = Field(description="Null: the target's.", examples=[1])
    max: int | None = Field(description="Null: the target's.", examples=[4])


class StepShape(BaseModel):
    """What is done, and what proves that it helped. The queries are as written: the labels come with the alert."""

    name: str = Field(description="Empty where there is one step only.", examples=["restart"])
    verb: Verb
    request: str = Field(description="Of http: which of the target's requests; else empty.", examples=["purge"])
    target: TargetShape
    scale: ScaleShape | None
    when: str = Field(examples=["up == 0"])
    verify: str = Field(examples=["up == 1"])
    verify_for_seconds: float = Field(examples=[3.0])
    verify_within_seconds: float = Field(examples=[60.0])
    undo: bool = Field(description="Whether it is undone, where it can be, when it did not help.")
    dependents: bool = Field(description="Whether what depends on its target is restarted after it.")
    after: list[str] = Field(description="The steps that have to have helped before.", examples=[["restart"]])
    instead_of: str = Field(description="It is done where that step did not help.", examples=["restart"])


class WouldBeShape(BaseModel):
    """What happened after it would have acted and only said so."""

    resolved_by_itself: int = Field(description="The incident ended, and nobody had acknowledged it.", examples=[4])
    looked_after: int = Field(description="A person acknowledged the incident or closed it.", examples=[1])
    repaired: int = Field(description="Another action on the target helped.", examples=[1])
    not_known: int = Field(description="The incident is still open, or nobody wrote down how it went on.", examples=[0])


class PrecisionShape(BaseModel):
    """How good a playbook was: its latest actions, those that took one back left out of all counts but `undone`."""

    days: int = Field(description="How far back it is counted.", examples=[SPAN.days])
    executed: int = Field(description=f"Carried out, of the latest {MOST_COUNTED} actions.", examples=[12])
    judged: int = Field(description="Of these it is known whether they helped.", examples=[12])
    recovered: int = Field(examples=[10])
    not_recovered: int = Field(examples=[1])
    cannot_tell: int = Field(description="There was no data to judge by, which is no success.", examples=[1])
    undone: int = Field(description="Taken back, because they had not helped.", examples=[1])
    wrong: int = Field(description="What a person called wrong, of would-be actions too.", examples=[0])
    would_be: WouldBeShape


class PlaybookShape(BaseModel):
    """A playbook in force."""

    name: str = Field(examples=["restart-crm-api"])
    mode: Mode = Field(description="The mode in force: that of its file, of the settings, or the one promoted to.")
    own_mode: Mode = Field(description="The mode of its file, or of the settings: the one without a promotion.")
    ceiling: Mode = Field(description="The most that it may be promoted to, by its file.")
    digest: str = Field(description="Of the content of its file: a promotion is for that.", examples=[EXAMPLE_HASH])
    promotion: promotions.PromotionShape | None = Field(description="The last one; null: there never was one.")
    promotion_state: PromotionState | None = Field(
        description="How it stands: `lapsed` when the file was changed, `set_back` when the agent ended it."
    )
    is_builtin: bool
    match: list[str] = Field(examples=[['alertname="CrmApiDown"']])
    bind: list[str] = Field(examples=[["job", "instance"]])
    unless: list[str] = Field(description="Targets that must not be broken.", examples=[["crm-db"]])
    steps: list[StepShape] = Field(description="In the order in which they are done; none: it only observes.")
    cooldown_seconds: float = Field(examples=[120.0])
    per_hour: int = Field(examples=[3])
    escalate_after: int = Field(description="Repairs in a row that did not help.", examples=[2])
    silence: bool = Field(description="Whether its alert is silenced while it acts.")
    precision: PrecisionShape


class PlaybookPage(Page):
    """Every playbook, in the order in which they are asked."""

    items: list[PlaybookShape]


def router(services: ApiServices) -> APIRouter:
    """The list of playbooks."""
    routes = guarded_router(prefix="/api/v1/playbooks", tag="playbooks")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="Playbooks, in the order in which they are asked", dependencies=may_read)
    async def playbooks() -> PlaybookPage:
        """Those in force: files on disk that are wrong are not. The first one that matches an alert is taken."""
        in_force = services.playbooks.playbooks
        since = services.clock.now() - SPAN

        def counted(rows: Transaction) -> tuple[Mapping[PlaybookName, Precision], Mapping[PlaybookName, Promotion]]:
            names = [playbook.name for playbook in in_force if playbook.steps]
            precision = {name: rows.actions.precision(name, since=since, most=MOST_COUNTED) for name in names}
            return precision, {one.playbook: one for one in rows.promotions.all()}

        precision, promoted = await services.store.read(counted)
        items = [
            _playbook(services.playbooks, one, precision.get(one.name, _NEVER), promoted.get(one.name))
            for one in in_force
        ]
        return PlaybookPage(items=items, next_cursor=None)

    return routes


def _playbook(
    book: PlaybookView, playbook: Playbook, precision: Precision, promotion: Promotion | None
) -> PlaybookShape:
    return PlaybookShape(
        name=playbook.name,
        mode=book.mode_of(playbook, promotion),
        own_mode=book.mode_of(playbook),
        ceiling=playbook.ceiling,
        digest=playbook.digest,
        promotion=None if promotion is None else promotions.shape(promotion),
        promotion_state=None if promotion is None else promotion.state_for(playbook),
        is_builtin=playbook.is_builtin,
        match=[matcher.words for matcher in playbook.match],
        bind=list(playbook.bind),
        unless=list(playbook.unless),
        steps=[_step(step) for step in playbook.steps],
        cooldown_seconds=playbook.cooldown.total_seconds(),
        per_hour=playbook.per_hour,
        escalate_after=playbook.escalate_after,
        silence=playbook.silence,
        precision=_precision(precision),
    )


def _precision(counted: Precision) -> PrecisionShape:
    verdicts, then = counted.verdicts, counted.would_be
    by_itself, looked_after = then.get(would_be.BY_ITSELF, 0), then.get(would_be.BY_A_PERSON, 0)
    repaired = then.get(would_be.BY_A_REPAIR, 0)
    return PrecisionShape(
        days=SPAN.days,
        executed=counted.executed,
        judged=counted.judged,
        recovered=verdicts.get(Verdict.RECOVERED.value, 0),
        not_recovered=verdicts.get(Verdict.NOT_RECOVERED.value, 0),
        cannot_tell=verdicts.get(Verdict.CANNOT_TELL.value, 0),
        undone=counted.undone,
        wrong=counted.wrong,
        would_be=WouldBeShape(
            resolved_by_itself=by_itself,
            looked_after=looked_after,
            repaired=repaired,
            not_known=sum(then.values()) - by_itself - looked_after - repaired,
        ),
    )


def _step(step: PlaybookStep) -> StepShape:
    scale = step.scale
    return StepShape(
        name=step.name,
        verb=step.verb,
        request=step.request,
        target=_target(step.target),
        scale=None if scale is None else ScaleShape(by=scale.by, min=scale.minimum, max=scale.maximum),
        when=step.when,
        verify=step.verify,
        verify_for_seconds=step.verify_for.total_seconds(),
        verify_within_seconds=step.verify_within.total_seconds(),
        undo=step.undo,
        dependents=step.dependents,
        after=list(step.after),
        instead_of=step.instead_of,
    )


def _target(choice: TargetChoice) -> TargetShape:
    return TargetShape(name=choice.name, executor=choice.executor)
