"""GET /api/v1/policy: what decisions keep to, the rules in their order, and how much of each budget is used now."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api.shapes import Instant
from aetherlink.model.budget_use import BudgetUse
from aetherlink.model.decisions import Mode
from aetherlink.model.principals import Scope
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices
from aetherlink.web.used_budgets import budget_uses, started_within_a_day


class RuleShape(BaseModel):
    """One rule."""

    name: str = Field(examples=["cooldown_is_over"])
    says: str = Field(examples=["Between two actions on one target lies the cooldown of the playbook."])


class BudgetShape(BaseModel):
    """One budget, and how much of it is used."""

    name: str = Field(description="The setting.", examples=["per_ten_minutes"])
    of: str = Field(description="The tenant, playbook or target; empty: all together.", examples=["restart-crm-api"])
    used: int = Field(examples=[3])
    allowed: int = Field(examples=[8])
    span_seconds: float | None = Field(description="Over how long; null: it counts what runs.", examples=[600.0])
    free_at: Instant | None = Field(description="When there is room again; null: there is, or when one ends.")


class FreezeShape(BaseModel):
    """A window in which nothing is changed."""

    name: str = Field(examples=["friday evening"])
    scope: str = Field(examples=["all"])
    when: str = Field(examples=["18:00 to 06:00 Europe/Berlin"])


class PolicyShape(BaseModel):
    """What every decision keeps to."""

    mode: Mode = Field(description="The ceiling: nothing is done by itself beyond it.")
    vip_mode: Mode = Field(description="The most that is done for VIP tenants without a person.")
    vip_tenants: list[str] = Field(description="By name or pattern.", examples=[["vip-*"]])
    playbook_modes: dict[str, Mode] = Field(description="Of the settings.", examples=[{"restart-crm-api": "approve"}])
    is_dry_run: bool = Field(description="Executors only say what they would do.")
    rules: list[RuleShape] = Field(description="In the order in which they are asked. Every one is.")
    budgets: list[BudgetShape] = Field(description="Of all, then of whoever had an action within the hour.")
    freezes: list[FreezeShape]
    frozen: list[str] = Field(description="Which of them hold now, in words.", examples=[[]])


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/policy", tag="policy")
    rules = services.rules

    @routes.get(
        "",
        summary="What decisions keep to, and how much of each budget is used",
        dependencies=[Depends(Needs(services.gate, Scope.READ))],
    )
    async def policy() -> PolicyShape:
        """Budgets count what is stored, as the rules do; no approval lifts them."""
        now = services.clock.now()
        used = await services.store.read(lambda rows: budget_uses(started_within_a_day(rows, now), rules, now))
        return PolicyShape(
            mode=services.stance.mode,
            vip_mode=rules.vip_mode,
            vip_tenants=list(rules.vip_tenants),
            playbook_modes=dict(rules.modes),
            is_dry_run=rules.is_dry_run,
            rules=[RuleShape(name=name, says=says) for name, says in rules.rules],
            budgets=[_budget(one) for one in used],
            freezes=[FreezeShape(name=one.name, scope=one.scope, when=one.words) for one in rules.freezes],
            frozen=list(services.stance.freezes(now)),
        )

    return routes


def _budget(one: BudgetUse) -> BudgetShape:
    return BudgetShape(
        name=one.name,
        of=one.of,
        used=one.used,
        allowed=one.allowed,
        span_seconds=None if one.span is None else one.span.total_seconds(),
        free_at=one.free_at,
    )
