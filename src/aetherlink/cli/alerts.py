"""`aether alerts` and `aether ledger`: what the agent was told, and what became of all of it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli.listing import Limit, Listing, OfSource, OfTenant
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()


def _row(item: Mapping[str, Any]) -> tuple[object, ...]:
    suppressed = item.get("suppressed")
    status = f"{item.get('status')} ({suppressed})" if suppressed else item.get("status")
    said = (item.get("severity"), item.get("name"), item.get("tenant"), item.get("incident_id"))
    return (item.get("starts_at"), status, *said)


_LISTING = Listing(
    "/api/v1/alerts", ("since", "status", "severity", "name", "tenant", "incident"), _row, none="no alerts"
)


@group.command()
def alerts(
    *,
    status: Annotated[str | None, typer.Option(help="firing or resolved.", show_default="both")] = None,
    source: OfSource = None,
    name: Annotated[str | None, typer.Option(help="With this name.", show_default="all")] = None,
    tenant: OfTenant = None,
    severity: Annotated[
        str | None, typer.Option(help="critical, warning, info or none, as understood.", show_default="all")
    ] = None,
    incident: Annotated[str | None, typer.Option(help="Filed under this incident.", show_default="all")] = None,
    suppressed: Annotated[
        bool | None,
        typer.Option("--suppressed/--not-suppressed", help="Silenced, inhibited, heartbeats.", show_default="both"),
    ] = None,
    limit: Limit = 20,
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
    _LISTING.show(filters, limit=limit, as_json=as_json, config=config, url=url, token=token)


@group.command()
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
