"""`aether incidents`: what is broken, or was."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.listing import All, Limit, Listing, OfSource, OfTenant
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Column, When, Words
from aetherlink.cli.styles import SEVERITIES

group = typer.Typer()


def _row(item: Mapping[str, Any]) -> tuple[object, ...]:
    """Of an open one its stage says more than that it is open."""
    standing = item.get("stage") if item.get("status") == "open" else item.get("status")
    tenant = f"{item.get('tenant') or ''}{' (VIP)' if item.get('vip') else ''}".strip()
    said = (item.get("title"), tenant, item.get("service"))
    return (item.get("id"), When(item.get("opened_at")), standing, item.get("severity"), *said)


_LISTING = Listing(
    "/api/v1/incidents",
    (
        "id",
        "since",
        "stands",
        Column("severity", styles=SEVERITIES),
        Words("title", is_cut=True, least=30),
        Words("tenant", is_cut=True, is_spare=True),
        Words("service", is_cut=True, is_spare=True),
    ),
    _row,
    none="no incidents",
)


@group.command(epilog=exit_codes.asking())
def incidents(
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            "--state",
            help="open or resolved.",
            show_default="both",
            autocompletion=completing.words("open", "resolved"),
        ),
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option(
            help="critical, warning or info.",
            show_default="all",
            autocompletion=completing.words("critical", "warning", "info"),
        ),
    ] = None,
    source: OfSource = None,
    tenant: OfTenant = None,
    service: Annotated[str | None, typer.Option(help="Of this service.", show_default="all")] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="What opened it: alert, health or request.",
            show_default="all",
            autocompletion=completing.words("alert", "health", "request"),
        ),
    ] = None,
    vip: Annotated[
        bool | None, typer.Option("--vip/--no-vip", help="Of VIP tenants, or of all others.", show_default="both")
    ] = None,
    limit: Limit = 20,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List incidents, newest first."""
    filters = {
        "status": status,
        "severity": severity,
        "source": source,
        "tenant": tenant,
        "service": service,
        "origin": origin,
        "vip": vip,
    }
    _LISTING.show(filters, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)
