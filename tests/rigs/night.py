"""A night on call, stored at an agent: three tenants are in trouble, and the worst incident asks for a yes."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aetherlink.model.actions import Action, ActionState, Approval, Observation, Plan, Target, Verb
from aetherlink.model.approvals import hash_of, shown_of
from aetherlink.model.decisions import Decision, Effect
from aetherlink.model.health import HealthReading, HealthStatus, Part
from aetherlink.model.ids import ActionId, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Transaction

TENANT, SERVICE, CAUSE = "vip-northwind", "crm-api", "up == 0"
TITLE = "CrmApiDown"
LAB = SourceName("lab")
_ALERTS: Mapping[str, tuple[str, str, str, str]] = {  # name: severity, tenant, service, what it says
    "LeadImportSlow": ("warning", "acme", "lead-import", "Imports of leads take 41 s, 5 s is promised"),
    "DiskFillsUp": ("warning", "", "crm-db", "The disk of the database is full in 6 h"),
    "CertificateExpires": ("info", "globex", "gateway", "The certificate of crm.globex.example ends in 12 days"),
    TITLE: ("critical", TENANT, SERVICE, "The API of the CRM answers nobody"),
}
_TARGET = Target(TargetName(SERVICE), "docker", "peakpro/crm", minimum=1, maximum=4, place="service crm of peakpro")
_PLAN = Plan(Verb.RESTART, _TARGET.name, PlaybookName("restart-crm-api"), when=CAUSE, verify="up == 1")


def night(agent: Any) -> Action:
    """The action that waits for approval, of the worst incident."""
    now = datetime.now(UTC)
    for name in _ALERTS:
        _fires(agent, name, now)
    found = agent.call("GET", "/api/v1/incidents?limit=50").json()["items"]
    worst = next(one["id"] for one in found if one["tenant"] == TENANT)
    asks = _asks(worst, now)
    asyncio.run(agent.store.write(lambda rows: _store(rows, asks, now)))
    scores = {"": 48.2, "acme": 91.4, "globex": 99.6, TENANT: 12.5}
    readings = [_reading(tenant, score, now) for tenant, score in scores.items()]
    agent.world.latest, agent.world.tenants = readings[0], readings[1:]
    return asks


def _fires(agent: Any, name: str, now: datetime) -> None:
    severity, tenant, service, summary = _ALERTS[name]
    labels = {"alertname": name, "severity": severity, "service": service, "job": "crm", "instance": "crm:8000"}
    alert = {
        "status": "firing",
        "labels": {**labels, **({"tenant": tenant} if tenant else {})},
        "annotations": {"summary": summary},
        "startsAt": (now - timedelta(minutes=4)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
    }
    agent.call("POST", "/alertmanager", json={"alerts": [alert]}).raise_for_status()


def _asks(incident_id: str, now: datetime) -> Action:
    seen = Observation(0, 1, None, release="crm:2.4.1", identity="3f9c2a7be4d1")
    undo = "nothing: a restart cannot be undone"
    shown = shown_of(_PLAN, _TARGET, seen, evidence=f"{CAUSE} holds", undo=undo, needed=1, asked_at=now, seal="")
    return Action(
        ActionId("act-0001"),
        _PLAN,
        "its playbook matches",
        "playbook:restart-crm-api",
        Decision(Effect.NEEDS_APPROVAL, "mode_allows", "the mode is approve"),
        ActionState.WAITING_APPROVAL,
        now,
        incident_id=IncidentId(incident_id),
        approval=Approval(hash_of(shown), now, now + timedelta(minutes=30), shown),
    )


def _store(rows: Transaction, asks: Action, now: datetime) -> None:
    rows.actions.put(asks)
    incident = rows.incidents.get(asks.incident_id)
    decided = {"evidence": f"{CAUSE} holds, on a sample 3 s old", "rule": "mode_allows"}
    said = [
        Entry(EventKind.PLANNED, now, f"playbook restart-crm-api: restart {SERVICE} when `{CAUSE}`", {"when": CAUSE}),
        Entry(EventKind.DECIDED, now, "a person is asked: the mode is approve", decided),
        Entry(EventKind.APPROVAL_ASKED, now, f"restart {SERVICE}: a person is asked", {"action_id": asks.id}),
    ]
    assert rows.incidents.update(replace(incident, action_id=asks.id, plan=asks.plan, stage=Stage.APPROVE), said)
    for minutes in range(60, 0, -1):
        at, dip = now - timedelta(minutes=minutes), 0.0 if minutes > 6 else 80 - 10 * minutes
        for tenant, level in (("", 96.0), ("acme", 92.0), ("globex", 99.5), (TENANT, 97.0)):
            down = dip if tenant == TENANT else dip / 2 if not tenant else 0.0
            rows.health.add(LAB, [_reading(tenant, max(level - down + math.sin(minutes / 3), 0), at)])


def _reading(tenant: str, score: float, at: datetime) -> HealthReading:
    status = HealthStatus.LOW if score < 60 else HealthStatus.OK
    parts = (Part("availability", score / 100),)
    is_vip = tenant.startswith("vip-")
    return HealthReading(at, status, min(score, 100.0), tenant=tenant, parts=parts, vip=is_vip)
