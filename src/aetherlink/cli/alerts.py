"""`aether alerts` and `aether ledger`: what the agent was told, and what became of all of it."""

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
    """Of one that fires and is nobody's incident, why not is what it is."""
    status = item.get("status")
    suppressed = item.get("suppressed") if status == "firing" else ""
    said = (item.get("severity"), item.get("name"), item.get("tenant"), item.get("incident_id"))
    return (When(item.get("starts_at")), suppressed or status, *said)


_LISTING = Listing(
    "/api/v1/alerts",
    (
        "since",
        "status",
        Column("severity", styles=SEVERITIES),
        Words("name", is_cut=True),
        Words("tenant", is_cut=True),
        "incident",
    ),
    _row,
    none="no alerts",
)


@group.command(epilog=exit_codes.asking())
def alerts(
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            "--state",
            help="firing or resolved.",
            show_default="both",
            autocompletion=completing.words("firing", "resolved"),
        ),
    ] = None,
    source: OfSource = None,
    name: Annotated[
        str | None, typer.Option("--name", "--alertname", help="With this name.", show_default="all")
    ] = None,
    tenant: OfTenant = None,
    severity: Annotated[
        str | None,
        typer.Option(
            help="critical, warning, info or none, as understood.",
            show_default="all",
            autocompletion=completing.words("critical", "warning", "info", "none"),
        ),
    ] = None,
    incident: Annotated[
        str | None,
        typer.Option(help="Filed under this incident.", show_default="all", autocompletion=completing.incidents),
    ] = None,
    suppressed: Annotated[
        bool | None,
        typer.Option("--suppressed/--not-suppressed", help="Silenced, inhibited, heartbeats.", show_default="both"),
    ] = None,
    limit: Limit = 20,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List alerts, newest first."""
    filters = {
        "status": status,
        "source": source,
        "alertname": name,
        "tenant": tenant,
        "severity": severity,
        "incident_id": incident,
        "suppressed": suppressed,
    }
    _LISTING.show(filters, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)


@group.command(epilog=exit_codes.asking())
def ledger(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Show what became of every alert received."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/ledger"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
        return
    by_way = answer.get("by_way", {})
    totals = answer.get("outcomes", {})
    rows = [(outcome, *(way.get(outcome) for way in by_way.values()), total) for outcome, total in totals.items()]
    sums = (sum(way.values()) for way in by_way.values())
    print_table(("outcome", *by_way, "all"), [*rows, ("received", *sums, answer.get("received"))], none="")
