"""POST /api/v1/playbooks/{name}/dry-run: what would come of a playbook for an incident, with nothing stored or done."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from aetherlink.api.filters import Text
from aetherlink.api.shapes import ObjectionShape, Shape
from aetherlink.errors import NotFoundError
from aetherlink.model.actions import Plan, Verb
from aetherlink.model.decisions import Decision, Effect, Evidence, EvidenceStatus, Mode
from aetherlink.model.ids import IncidentId
from aetherlink.model.principals import Scope
from aetherlink.model.trials import Trial
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices

_Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$"), Path(examples=["restart-crm-api"])]
_EXAMPLE: JsonDict = {"incident_id": "inc-06f3qk2c8d1v7m4t"}


class DryRunBody(BaseModel):
    """On which incident the playbook is tried."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    incident_id: Annotated[Text, Field(min_length=1)] = Field(description="An open incident, or one that is over.")


class TriedAlertShape(BaseModel):
    """An alert of the incident, and whether the playbook would be taken for it."""

    id: int = Field(examples=[4711])
    name: str = Field(examples=["CrmApiDown"])
    matches: bool
    missed: list[str] = Field(description="The matchers that do not fit, with what the alert says.", examples=[[]])
    asked_before: str | None = Field(description="Another playbook that matches and is asked first.")
    actionable: bool = Field(description="It fires, and is neither silenced nor inhibited.")


class PlanShape(Shape):
    """What would be planned: its queries are bound to the labels of the alert."""

    alert_id: int = Field(examples=[4711])
    step: str = Field(description="Empty where the playbook has one only.", examples=[""])
    verb: Verb
    target: str = Field(examples=["crm-api"])
    replicas: int | None = Field(description="Of scale: the number wanted.")
    request: str = Field(description="Of http: which of the target's requests; else empty.", examples=["purge"])
    when: str = Field(description="Empty: its alert is the evidence.", examples=['up{job="peakpro_crm"} == 0'])
    verify: str = Field(examples=['up{job="peakpro_crm"} == 1'])
    dependents: list[str] = Field(description="Restarted after it, in this order.", examples=[["crm-worker"]])
    words: str = Field(examples=["restart crm-api"])


class EvidenceShape(Shape):
    """What the plan rests on, asked just now."""

    query: str = Field(examples=['up{job="peakpro_crm"} == 0'])
    status: EvidenceStatus
    detail: str = Field(examples=["1 series fits"])


class DecisionShape(Shape):
    """What policy would say now."""

    effect: Effect
    rule: str = Field(description="The rule that brings it.", examples=["mode_allows"])
    reason: str = Field(examples=["the mode is observe"])
    objections: list[ObjectionShape] = Field(description="What every rule has against it, not only the first.")


class DryRunShape(BaseModel):
    """A playbook tried on an incident."""

    playbook: str = Field(examples=["restart-crm-api"])
    incident_id: str = Field(examples=["inc-06f3qk2c8d1v7m4t"])
    alerts: list[TriedAlertShape] = Field(description="Those that were heard of first.")
    truncated: bool = Field(description="The incident has more alerts than were looked at.")
    problem: str = Field(description="Why there is no plan; empty: there is one.", examples=[""])
    plan: PlanShape | None = Field(description="That of the first step; later ones depend on what comes of it.")
    mode: Mode | None = Field(description="The mode in force for the plan.")
    evidence: EvidenceShape | None
    decision: DecisionShape | None


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/playbooks", tag="playbooks")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.post(
        "/{name}/dry-run", summary="Try a playbook on an incident: nothing is stored or done", dependencies=may_read
    )
    async def dry_run(name: _Name, body: DryRunBody) -> DryRunShape:
        """As the agent would plan and decide now: it looks at the target, and asks the playbook's queries.

        404: there is no such playbook, or no such incident.
        """
        playbook = next((one for one in services.playbooks.playbooks if one.name == name), None)
        if playbook is None:
            raise NotFoundError(f"there is no playbook {name!r}")
        return _shape(await services.trials.tried(playbook, IncidentId(body.incident_id)))

    return routes


def _shape(trial: Trial) -> DryRunShape:
    return DryRunShape(
        playbook=trial.playbook,
        incident_id=trial.incident_id,
        alerts=_alerts(trial),
        truncated=trial.is_cut,
        problem=trial.problem,
        plan=_plan(trial.plan),
        mode=trial.mode,
        evidence=_evidence(trial.evidence),
        decision=_decision(trial.decision),
    )


def _alerts(trial: Trial) -> list[TriedAlertShape]:
    return [
        TriedAlertShape(
            id=one.id,
            name=one.name,
            matches=one.is_match,
            missed=list(one.missed),
            asked_before=one.asked_before,
            actionable=one.is_actionable,
        )
        for one in trial.alerts
    ]


def _plan(plan: Plan | None) -> PlanShape | None:
    return None if plan is None else PlanShape.model_validate(plan)


def _evidence(evidence: Evidence | None) -> EvidenceShape | None:
    return None if evidence is None else EvidenceShape.model_validate(evidence)


def _decision(decision: Decision | None) -> DecisionShape | None:
    return None if decision is None else DecisionShape.model_validate(decision)
