"""How domain objects look as JSON. Times are RFC 3339 in UTC with Z; a key that is there once is there always."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.model.actions import WRONG_FACT, Action, ActionState, OutcomeStatus, Verb
from aetherlink.model.alerts import AlertStatus, StoredAlert, Suppression
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Effect
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.pauses import Pause
from aetherlink.model.principals import Role, Scope, TokenRecord, role_of
from aetherlink.model.timeline import EventKind, StoredEntry
from aetherlink.web.paging import Page

EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Instant = Annotated[datetime, Field(examples=["2025-11-02T20:06:26Z"])]


class Shape(BaseModel):
    """A part of an answer, read from a domain object's attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class AlertShape(Shape):
    """One episode of an alert, as its source last reported it."""

    id: int = Field(description="Grows with the order in which episodes were first heard of.", examples=[4711])
    fingerprint: str = Field(examples=["c1b2f0a3d4e5f607"])
    source: str = Field(examples=["lab"])
    name: str = Field(examples=["CrmApiDown"])
    tenant: str = Field(description="As the agent understood its labels; empty: of none.", examples=["acme-corp"])
    severity: str = Field(description="As the agent understood its labels.", examples=["critical"])
    status: AlertStatus
    suppressed: Suppression = Field(description="Why it is nobody's incident although it fires; empty: it is not.")
    starts_at: Instant
    ends_at: Instant | None
    received_at: Instant
    updated_at: Instant
    labels: dict[str, str] = Field(examples=[{"alertname": "CrmApiDown", "severity": "critical", "service": "crm"}])
    annotations: dict[str, str] = Field(examples=[{"summary": "The CRM's API does not answer."}])
    incident_id: str | None = Field(examples=["inc-06f3qk2c8d1v7m4t"])


class AlertPage(Page):
    """Alerts, newest first."""

    items: list[AlertShape]


class IncidentShape(Shape):
    """An incident: what is broken, for whom, how far its repair has come."""

    id: str = Field(examples=["inc-06f3qk2c8d1v7m4t"])
    title: str = Field(examples=["CrmApiDown"])
    status: IncidentStatus
    stage: Stage
    severity: Severity
    origin: Origin
    source: str = Field(examples=["lab"])
    tenant: str = Field(examples=["acme-corp"])
    service: str = Field(examples=["crm"])
    vip: bool
    opened_at: Instant
    updated_at: Instant
    resolved_at: Instant | None
    action_id: str | None = Field(examples=["act-06f3qk2c8d1v7m4t"])
    escalated: bool = Field(description="A person has been called.")
    hands_off: bool = Field(description="A repair failed: the agent tries no other by itself.")
    firing: int = Field(description="How many of its alerts fire; of what the agent sees itself: 1.", examples=[2])
    reopened: int = Field(description="How often it was opened again after it was resolved.", examples=[0])
    flapping_until: Instant | None = Field(description="It flaps, until then unless it goes on.")
    acknowledged_at: Instant | None
    acknowledged_by: str | None = Field(examples=["token:oncall"])
    closed_by: str | None = Field(description="Who closed it by hand.", examples=["token:oncall"])
    labels: dict[str, str] = Field(examples=[{"alertname": "CrmApiDown", "service": "crm"}])


class IncidentPage(Page):
    """Incidents, newest first."""

    items: list[IncidentShape]


class OutcomeShape(Shape):
    """What came of an action."""

    status: OutcomeStatus
    reason: str


class ObjectionShape(Shape):
    """What one rule has against an action."""

    effect: Effect
    rule: str = Field(examples=["mode_allows"])
    reason: str = Field(examples=["the mode is approve"])


class GrantShape(Shape):
    """One person's yes."""

    by: str = Field(examples=["ann"])
    at: Instant


class ApprovalShape(Shape):
    """A request for approval: exactly what is approved, until when, by how many people."""

    plan_hash: str = Field(
        description="SHA-256 over what is shown, its evidence left out: what an approval has to name.",
        examples=[EXAMPLE_HASH],
    )
    asked_at: Instant
    expires_at: Instant
    needed: int = Field(description="So many different people have to say yes.", examples=[1])
    grants: list[GrantShape]
    shown: dict[str, Any] = Field(
        description="What is approved: plan, target, observed state, what undo would do; and the evidence.",
        examples=[
            {
                "plan": {"verb": "restart", "target": "crm-api", "playbook": "restart-crm-api"},
                "target": {"name": "crm-api", "executor": "lab", "service": "crm"},
                "observed": {"ready": 0, "wanted": 1, "oldest_start": None},
                "undo": "a restart cannot be undone",
                "evidence": "up is 0",
            }
        ],
    )


class WrongShape(Shape):
    """What a person said who found the action wrong."""

    by: str = Field(examples=["ann"])
    at: Instant
    reason: str = Field(examples=["the API was well, the probe was not"])


class ActionShape(Shape):
    """An action: what was asked for, how it was decided, what came of it."""

    id: str = Field(examples=["act-06f3qk2c8d1v7m4t"])
    verb: Verb
    target: str = Field(examples=["crm-api"])
    replicas: int | None
    request: str = Field(description="Of http: which of the target's requests; else empty.", examples=["purge"])
    limits: str = Field(description="Of limits: what each replica may use; else empty.", examples=["512 MiB, 1.5 CPUs"])
    release: str = Field(description="Of rollback: the release that it names; else empty.", examples=["1.0.0"])
    playbook: str | None = Field(examples=["restart-crm-api"])
    reason: str = Field(examples=["manual test"])
    requested_by: str = Field(examples=["local"])
    state: ActionState
    decision: Effect
    rule: str = Field(description="The rule that brought the decision.", examples=["all_rules"])
    decision_reason: str = Field(examples=["no rule has anything against it"])
    objections: list[ObjectionShape] = Field(description="What every rule has against it, not only the first.")
    incident_id: str | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    outcome: OutcomeShape | None
    approval: ApprovalShape | None = Field(description="Null: none is needed, or the target is still looked at.")
    wrong: WrongShape | None = Field(description="Somebody said that it was wrong.")


class ActionPage(Page):
    """Actions, newest first."""

    items: list[ActionShape]


class IncidentDetail(IncidentShape):
    """An incident with the alerts filed under it and its latest action."""

    alerts: list[AlertShape]
    action: ActionShape | None


class EntryShape(BaseModel):
    """One line of a timeline."""

    sequence: int = Field(description="Counts the entries of this incident from 1.", examples=[1])
    number: int = Field(description="Counts those of all incidents, without a gap.", examples=[4711])
    at: Instant
    kind: EventKind
    text: str = Field(examples=["opened by CrmApiDown"])
    facts: dict[str, Any] = Field(examples=[{"count": 1, "alerts": ["CrmApiDown"]}])
    hash: str = Field(
        description="HMAC-SHA256 over this entry and the hash before it; `aether audit verify` checks all of them.",
        examples=["5f0c7a3e1b9d48264f8e0a6c2d9b7153e4f1a8d06c3b5e7290a1d4f6b8c3e5a7"],
    )


class TimelinePage(Page):
    """A timeline, in order."""

    items: list[EntryShape]


class TokenShape(Shape):
    """A token without its secret."""

    id: str = Field(examples=["tok-06f3qk2c8d1v7m4t"])
    name: str = Field(examples=["alertmanager"])
    scopes: list[Scope]
    role: Role | None = Field(description="The role that is exactly these scopes; null: none is.")
    source: str | None = Field(description="The one source whose alerts it is good for; null: bound to none.")
    tenant: str | None = Field(description="The one tenant that it may see; null: every one.")
    created_at: Instant
    expires_at: Instant | None = Field(description="When it ends by itself; null: never.")
    used_at: Instant | None = Field(description="Its last use, as far as is known; null: never.")
    revoked_at: Instant | None


class TokenPage(Page):
    """Tokens, oldest first."""

    items: list[TokenShape]


class NewToken(TokenShape):
    """A token with its secret, which is shown this once."""

    token: str = Field(examples=["aek_..."])


class NewLoginLink(Shape):
    """A link that signs one browser in, once."""

    name: str = Field(description="Who is signed in by it.", examples=["zoe"])
    role: Role
    path: str = Field(description="The part of the address behind the agent's own.", examples=["/login#ael_..."])
    url: str | None = Field(description="The whole address, where external_url says the agent's; else null.")
    expires_at: Instant


class PauseShape(Shape):
    """One pause that holds, or will."""

    model_config = ConfigDict(populate_by_name=True)

    scope: str = Field(examples=["all"])
    in_force: bool = Field(description="Whether it holds now; false: it is planned.")
    since: Instant = Field(description="When it was asked for.")
    begins: Instant | None = Field(alias="from", description="When it begins; null: at once.")
    until: Instant | None = Field(description="When it ends by itself; null: when it is resumed.")
    reason: str = Field(examples=["we move the database"])
    paused_by: str = Field(examples=["operator"])


class PauseState(BaseModel):
    """Whether anything is paused now, and what is or will be."""

    paused: bool
    pauses: list[PauseShape]
    outside: str | None = Field(description="Why the file or the setting pauses everything; null: neither does.")


class BrakeShape(Shape):
    """What keeps automation from a target or a playbook until a person lets go of it."""

    scope: str = Field(
        description="target:TARGET, playbook:PLAYBOOK, or playbook:PLAYBOOK@TARGET.",
        examples=["playbook:restart-crm-api@crm-api"],
    )
    since: Instant
    effect: Effect = Field(description="deny, or needs_approval where a person may still approve.", examples=["deny"])
    reason: str = Field(examples=["action act-06f3qk2c8d1v7m4t was wrong: the API was well"])
    set_by: str = Field(description="A person, or the agent itself.", examples=["ann"])


class BrakePage(Page):
    """Brakes, by scope."""

    items: list[BrakeShape]


def alert(stored: StoredAlert) -> AlertShape:
    """The alert, with the incident that it is filed under."""
    one = stored.alert
    return AlertShape(
        id=stored.id,
        fingerprint=one.fingerprint,
        source=one.source,
        name=one.name,
        tenant=stored.tenant,
        severity=stored.severity,
        status=one.status,
        suppressed=one.suppressed,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        received_at=stored.received_at,
        updated_at=stored.updated_at,
        labels=dict(one.labels),
        annotations=dict(one.annotations),
        incident_id=stored.incident_id,
    )


def incident(one: Incident) -> IncidentShape:
    """The incident as lists show it."""
    return IncidentShape.model_validate(one)


def incident_detail(one: Incident, alerts: list[StoredAlert], its_action: Action | None) -> IncidentDetail:
    """The incident with what belongs to it."""
    return IncidentDetail(
        **incident(one).model_dump(),
        alerts=[alert(each) for each in alerts],
        action=None if its_action is None else action(its_action),
    )


def action(one: Action) -> ActionShape:
    """The action, its plan and decision laid flat."""
    return ActionShape(
        id=one.id,
        verb=one.plan.verb,
        target=one.plan.target,
        replicas=one.plan.replicas,
        request=one.plan.request,
        limits=one.plan.limits.words,
        release=one.plan.release,
        playbook=one.plan.playbook,
        reason=one.reason,
        requested_by=one.requested_by,
        state=one.state,
        decision=one.decision.effect,
        rule=one.decision.rule,
        decision_reason=one.decision.reason,
        incident_id=one.incident_id,
        created_at=one.created_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
        outcome=None if one.outcome is None else OutcomeShape.model_validate(one.outcome),
        objections=[ObjectionShape.model_validate(each) for each in one.decision.objections],
        approval=None if one.approval is None else ApprovalShape.model_validate(one.approval),
        wrong=None if WRONG_FACT not in one.facts else WrongShape.model_validate(one.facts[WRONG_FACT]),
    )


def entry(one: StoredEntry) -> EntryShape:
    """The entry with its place."""
    return EntryShape(
        sequence=one.sequence,
        number=one.number,
        at=one.entry.at,
        kind=one.entry.kind,
        text=one.entry.text,
        facts=dict(one.entry.facts),
        hash=one.hash,
    )


def pauses(stored: Sequence[tuple[Pause, bool]], outside: str | None) -> PauseState:
    """The pauses, each with whether it is in force, and what pauses from outside."""
    is_paused = outside is not None or any(in_force for _, in_force in stored)
    return PauseState(paused=is_paused, pauses=[_pause(*one) for one in stored], outside=outside)


def _pause(one: Pause, in_force: bool) -> PauseShape:
    return PauseShape(
        scope=one.scope,
        in_force=in_force,
        since=one.since,
        begins=one.begins,
        until=one.until,
        reason=one.reason,
        paused_by=one.paused_by,
    )


def brake(one: Brake) -> BrakeShape:
    """The brake."""
    return BrakeShape.model_validate(one)


def token(one: TokenRecord, used_at: datetime | None = None) -> TokenShape:
    """The token as lists show it, with its last use."""
    return TokenShape(
        id=one.id,
        name=one.name,
        scopes=sorted(one.scopes),
        role=role_of(one.scopes),
        source=one.source,
        tenant=one.tenant,
        created_at=one.created_at,
        expires_at=one.expires_at,
        used_at=used_at or one.used_at,
        revoked_at=one.revoked_at,
    )
