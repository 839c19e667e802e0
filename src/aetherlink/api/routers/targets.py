"""GET /api/v1/targets: what the agent may change, within which bounds, and what holds each of them back now."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from aetherlink.api import shapes
from aetherlink.api.shapes import Instant
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName
from aetherlink.model.principals import Scope
from aetherlink.ports import Transaction
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.paging import DEFAULT_LIMIT, Cursor, Page, part_of
from aetherlink.web.services import ApiServices
from aetherlink.web.used_budgets import TargetState, started_within_a_day, target_names, target_states

_MOST = 100
_Limit = Annotated[int, Query(ge=1, le=_MOST, description="How many at most.")]


class PauseOnTarget(BaseModel):
    """A pause that covers a target, or will."""

    scope: str = Field(examples=["target:crm-api"])
    since: Instant
    until: Instant | None = Field(description="Null: until somebody resumes.")
    reason: str = Field(examples=["we move the database"])


class StartedShape(shapes.Shape):
    """An action that was started."""

    playbook: str | None = Field(description="Null: a person asked for it.", examples=["restart-crm-api"])
    tenant: str = Field(examples=["acme-corp"])
    started_at: Instant
    finished_at: Instant | None = Field(description="Null: it runs.")
    has_failed: bool = Field(description="It could not be done, or did not help.", examples=[False])


class TargetDetail(BaseModel):
    """A target: where it is, its bounds, and what holds it back."""

    name: str = Field(examples=["crm-api"])
    executor: str = Field(examples=["docker"])
    service: str = Field(examples=["crm"])
    place: str = Field(description="Where its executor finds it; empty: by its service.", examples=["container crm"])
    is_declared: bool = Field(description="In the settings; false: it was found by the label that opts it in.")
    protected: str | None = Field(description="Why it is never acted on; null: it may be.")
    mode: Mode = Field(description="The most that automation may do to it.")
    min: int = Field(description="The least replicas.", examples=[1])
    max: int = Field(description="The most replicas.", examples=[4])
    floor: int = Field(description="So many replicas stay ready.", examples=[1])
    healthy_share: float = Field(description="And this share of the wanted ones.", examples=[0.5])
    limits: str = Field(description="The most that a replica may be given; empty: nothing.", examples=[""])
    depends_on: list[str] = Field(examples=[["crm-db"]])
    requests: list[str] = Field(description="The HTTP requests that may be sent to it.", examples=[["purge"]])
    tenant: str = Field(description="Whom a request for it is for; empty: nobody.", examples=[""])
    brakes: list[shapes.BrakeShape]
    pauses: list[PauseOnTarget]
    last_action: StartedShape | None = Field(description="The newest that was started on it within a day.")
    cooldown_until: Instant | None = Field(description="When that one's cooldown is over; null: it is.")


class TargetPage(Page):
    """Targets: the declared ones by name, then those that were found and acted on within a day."""

    items: list[TargetDetail]


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/targets", tag="targets")

    @routes.get(
        "",
        summary="What the agent may change, and what holds it back",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def targets(limit: _Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> TargetPage:
        """Any container that opts in is a target; of those nobody declared, the ones with an action are listed."""
        now = services.clock.now()

        def work(rows: Transaction) -> tuple[list[TargetState], str | None]:
            started = started_within_a_day(rows, now)
            names = target_names(started, services.rules)
            page, following = part_of(names, limit=limit, cursor=None if cursor is None else TargetName(cursor))
            playbooks = services.playbooks.playbooks
            return target_states(rows, started, services.rules, names[page], playbooks, now=now), following

        found, following = await services.store.read(work)
        return TargetPage(items=[_shape(one) for one in found], next_cursor=following)

    return routes


def _shape(state: TargetState) -> TargetDetail:
    one = state.target
    return TargetDetail(
        name=one.name,
        executor=one.executor,
        service=one.service,
        place=one.place,
        is_declared=state.is_declared,
        protected=state.protected,
        mode=one.mode,
        min=one.minimum,
        max=one.maximum,
        floor=one.floor,
        healthy_share=one.healthy_share,
        limits=one.most.words,
        depends_on=list(one.depends_on),
        requests=[each.name for each in one.requests],
        tenant=one.tenant,
        brakes=[shapes.brake(each) for each in state.brakes],
        pauses=[
            PauseOnTarget(scope=each.scope, since=each.since, until=each.until, reason=each.reason)
            for each in state.pauses
        ],
        last_action=None if state.last is None else StartedShape.model_validate(state.last),
        cooldown_until=state.free_at,
    )
