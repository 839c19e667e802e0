"""Builds the web application from settings: the one place that knows every part.

`server` runs what `build` returns; tests build it too. It opens no socket and reads no environment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from peakpro_crm import monitor, problems, schema
from peakpro_crm.api import context, customers, docs_page, faults, leads, probes
from peakpro_crm.bodies import BodyLimit
from peakpro_crm.customers import CustomerStore
from peakpro_crm.database import CONNECT_SECONDS, Database, libpq_url
from peakpro_crm.faults import FaultName, Faults
from peakpro_crm.meter import RequestMeter
from peakpro_crm.metrics import Metrics
from peakpro_crm.monitor import DatabaseMonitor
from peakpro_crm.ports import RandomChance, RandomIds, SystemClock
from peakpro_crm.releases import LEAD_STORES
from peakpro_crm.settings import CrmSettings

_BIGGEST_BODY = 64 * 1024  # bytes; a lead with the longest note takes some 20 kB
_ABOUT = "Leads of several tenants, from the first contact to the customer. Errors are application/problem+json."


def build(settings: CrmSettings) -> RequestMeter:
    """Return the application, outermost layer first. Raises nothing that a correct CrmSettings could cause."""
    metrics = Metrics(tenants=settings.tenants, version=settings.release)
    database = _database(settings, metrics)
    watcher = _watcher(settings, metrics)
    switchboard = Faults(database, RandomChance()) if settings.faults_enabled else None
    app = FastAPI(
        title="PeakPro CRM",
        version=settings.release,
        description=_ABOUT,
        lifespan=partial(_lifespan, database=database, watcher=watcher, switchboard=switchboard),
        docs_url=None,  # our own page, with its assets from here
        redoc_url=None,
        redirect_slashes=False,
        # Traces and metrics by OpenTelemetry's variables would bypass our settings and our closed labels.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    problems.install(app)
    app.add_middleware(BodyLimit, most=_BIGGEST_BODY)
    routers = (probes.router, leads.router, customers.router, docs_page.router)
    for router in (*routers, *((faults.router,) if switchboard else ())):
        app.include_router(router)
    meter = RequestMeter(app, metrics)
    parts = context.Parts(
        leads=LEAD_STORES[settings.release](database, SystemClock(), ids=RandomIds()),
        customers=CustomerStore(database),
        metrics=metrics,
        meter=meter,
        monitor=watcher,
        faults=switchboard,
        tenants=settings.tenants,
        max_in_flight=settings.max_in_flight,
    )
    context.install(app, parts)
    return meter


def _database(settings: CrmSettings, metrics: Metrics) -> Database:
    database = Database(
        settings.database_url.get_secret_value(),
        metrics.waited_for_connection,
        pool_size=settings.pool_size,
        pool_timeout=settings.pool_timeout_seconds,
        statement_timeout=settings.statement_timeout_seconds,
    )
    metrics.watch_pool(size=database.pool_size, in_use=database.in_use)
    return database


def _watcher(settings: CrmSettings, metrics: Metrics) -> DatabaseMonitor:
    conninfo = libpq_url(settings.database_url.get_secret_value())
    return DatabaseMonitor(
        partial(schema.read_revision, conninfo, connect_seconds=CONNECT_SECONDS),
        lambda up: metrics.database_is(up=up),
        interval=settings.database_check_seconds,
        deadline=CONNECT_SECONDS,
    )


@asynccontextmanager
async def _lifespan(
    _app: FastAPI, *, database: Database, watcher: DatabaseMonitor, switchboard: Faults | None
) -> AsyncIterator[None]:
    await watcher.check()  # so that the first probe already has a true answer
    watching = asyncio.create_task(watcher.run())
    try:
        yield
    finally:
        await monitor.stop(watching)
        if switchboard is not None:
            await switchboard.lift(*FaultName)
        database.close()
