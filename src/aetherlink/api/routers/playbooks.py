"""GET /api/v1/playbooks: what the agent would do about which alerts, and how much of it by itself."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api.guard import Needs, guarded_router
from aetherlink.api.paging import Page
from aetherlink.api.services import ApiServices
from aetherlink.model.actions import Verb
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook, PlaybookStep, TargetChoice
from aetherlink.model.principals import Scope


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
    after: list[str] = Field(description="The steps that have to have helped before.", examples=[["restart"]])
    instead_of: str = Field(description="It is done where that step did not help.", examples=["restart"])


class PlaybookShape(BaseModel):
    """A playbook in force."""

    name: str = Field(examples=["restart-crm-api"])
    mode: Mode = Field(description="The mode in force: that of its file or of the settings, at most the ceiling.")
    is_builtin: bool
    match: list[str] = Field(examples=[['alertname="CrmApiDown"']])
    bind: list[str] = Field(examples=[["job", "instance"]])
    unless: list[str] = Field(description="Targets that must not be broken.", examples=[["crm-db"]])
    steps: list[StepShape] = Field(description="In the order in which they are done; none: it only observes.")
    cooldown_seconds: float = Field(examples=[120.0])
    per_hour: int = Field(examples=[3])
    escalate_after: int = Field(description="Repairs in a row that did not help.", examples=[2])
    silence: bool = Field(description="Whether its alert is silenced while it acts.")


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
        items = [_playbook(playbook, mode) for playbook, mode in services.playbooks.in_force]
        return PlaybookPage(items=items, next_cursor=None)

    return routes


def _playbook(playbook: Playbook, mode: Mode) -> PlaybookShape:
    return PlaybookShape(
        name=playbook.name,
        mode=mode,
        is_builtin=playbook.is_builtin,
        match=[matcher.words for matcher in playbook.match],
        bind=list(playbook.bind),
        unless=list(playbook.unless),
        steps=[_step(step) for step in playbook.steps],
        cooldown_seconds=playbook.cooldown.total_seconds(),
        per_hour=playbook.per_hour,
        escalate_after=playbook.escalate_after,
        silence=playbook.silence,
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
        after=list(step.after),
        instead_of=step.instead_of,
    )


def _target(choice: TargetChoice) -> TargetShape:
    return TargetShape(name=choice.name, executor=choice.executor)
