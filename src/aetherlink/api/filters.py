"""What lists can be narrowed to: exact values, in the query. A narrowed page may be short and still have a next one."""

from typing import Annotated

from fastapi import Query
from pydantic import StringConstraints

from aetherlink.model.actions import ActionFilter, ActionState
from aetherlink.model.alerts import AlertFilter, AlertSeverity, AlertStatus
from aetherlink.model.incidents import IncidentFilter, IncidentStatus, Origin, Severity

SHORT_PAGES = (
    "A page reads a bounded number of rows. Where few of them fit, it holds fewer than `limit`, or none at all, and "
    "still has a `next_cursor`: the list ends where that is null."
)
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]  # PostgreSQL has no text with a NUL

_Source = Annotated[Text | None, Query(description="Of this source.", examples=["lab"])]
_Tenant = Annotated[Text | None, Query(description="Of this tenant; empty: of none.", examples=["acme-corp"])]


def alert_filter(
    *,
    status: Annotated[AlertStatus | None, Query(description="Firing, or resolved.")] = None,
    source: _Source = None,
    alertname: Annotated[Text | None, Query(description="With this name.", examples=["CrmApiDown"])] = None,
    tenant: _Tenant = None,
    severity: Annotated[
        AlertSeverity | None,
        Query(description="As the agent understood it: critical, warning, info or none."),
    ] = None,
    incident_id: Annotated[
        Text | None, Query(description="Filed under this incident.", examples=["inc-06f3qk2c8d1v7m4t"])
    ] = None,
    suppressed: Annotated[
        bool | None,
        Query(description="Whether they are nobody's incident: silenced, inhibited, a heartbeat, or a test."),
    ] = None,
) -> AlertFilter:
    """What a list of alerts is narrowed to."""
    return AlertFilter(status, source, alertname, tenant, severity, incident_id, suppressed)


def incident_filter(
    *,
    status: Annotated[IncidentStatus | None, Query(description="Open, or resolved.")] = None,
    severity: Annotated[Severity | None, Query(description="The worst of its alerts.")] = None,
    source: _Source = None,
    tenant: _Tenant = None,
    service: Annotated[Text | None, Query(description="Of this service.", examples=["crm"])] = None,
    vip: Annotated[bool | None, Query(description="Of VIP tenants, or of all others.")] = None,
    origin: Annotated[Origin | None, Query(description="What opened it.")] = None,
) -> IncidentFilter:
    """What a list of incidents is narrowed to."""
    return IncidentFilter(status, severity, source, tenant, service, vip, origin)


def action_filter(
    *,
    state: Annotated[ActionState | None, Query(description="How far it has come.")] = None,
    incident_id: Annotated[
        Text | None, Query(description="Of this incident.", examples=["inc-06f3qk2c8d1v7m4t"])
    ] = None,
    target: Annotated[Text | None, Query(description="On this target.", examples=["crm-api"])] = None,
) -> ActionFilter:
    """What a list of actions is narrowed to."""
    return ActionFilter(state, incident_id, target)
