"""THE list of routers of the console: a new one is a file in console/routers and a line here."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from aetherlink.console.routers import acts, assets, incidents, oidc, record_acts, records, sign_in
from aetherlink.web.services import ApiServices

ROUTERS: Sequence[Callable[[ApiServices], APIRouter]] = (
    incidents.router,
    records.router,
    acts.router,
    record_acts.router,
    assets.router,
    sign_in.router,
    oidc.router,
)
