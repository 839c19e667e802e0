"""THE list of routers: a new one is a file in api/routers and a line here (a test finds a file without a line)."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from aetherlink.api.routers import (
    action_acts,
    actions,
    alerts,
    audit,
    brakes,
    channels,
    deliveries,
    docs_page,
    health_history,
    incident_acts,
    incidents,
    ledger,
    pause,
    playbooks,
    probes,
    promotions,
    proposals,
    report,
    seed,
    slack,
    tokens,
)
from aetherlink.web.services import ApiServices

ROUTERS: Sequence[Callable[[ApiServices], APIRouter]] = (
    seed.router,
    probes.router,
    alerts.router,
    incidents.router,
    incident_acts.router,
    ledger.router,
    health_history.router,
    actions.router,
    action_acts.router,
    proposals.router,
    brakes.router,
    deliveries.router,
    channels.router,
    pause.router,
    playbooks.router,
    promotions.router,
    report.router,
    tokens.router,
    slack.router,
    audit.router,
    docs_page.router,
)
