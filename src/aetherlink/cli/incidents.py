"""`aether incidents` and `aether show ID`: what the agent knows and did."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli.listing import Limit, Listing, OfSource, OfTenant
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()

_COLUMNS = ("id", "opened_at", "status", "stage", "severity", "service", "tenant", "title")
_LISTING = Listing(
    "/api/v1/incidents", _COLUMNS, lambda item: [item.get(column) for column in _COLUMNS], none="no incidents"
)


@group.command()
def incidents(
    *,
    status: Annotated[str | None, typer.Option(help="open or resolved.", show_default="both")] = None,
    severity: Annotated[str | None, typer.Option(help="critical, warning or info.", show_default="all")] = None,
    source: OfSource = None,
    tenant: OfTenant = None,
    service: Annotated[str | None, typer.Option(help="Of this service.", show_default="all")] = None,
    origin: Annotated[
        str | None, typer.Option(help="What opened it: alert, health or request.", show_default="all")
    ] = None,
    vip: Annotated[
        bool | None, typer.Option("--vip/--no-vip", help="Of VIP tenants, or of all others.", show_default="both")
    ] = None,
    limit: Limit = 20,
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
    _LISTING.show(filters, limit=limit, as_json=as_json, config=config, url=url, token=token)


@group.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An incident's or an action's id.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show an incident with its timeline, or an action."""
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json

    look_up = lookups.action if id_.startswith("act-") else lookups.incident
    answer = talk(lambda agent: look_up(agent, id_), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        _print_facts(answer)


def _print_facts(found: Mapping[str, Any]) -> None:
    from aetherlink.cli.printing import labels, print_table
    from aetherlink.lib.flattening import flat

    facts = {name: value for name, value in found.items() if not isinstance(value, dict | list)}
    if isinstance(found.get("labels"), dict):
        facts["labels"] = labels(found["labels"])
    if isinstance(found.get("outcome"), dict):
        facts["outcome"] = f"{found['outcome'].get('status')}: {found['outcome'].get('reason')}"
    for name in ("approval", "wrong"):
        if isinstance(found.get(name), dict):
            facts |= flat(found[name], f"{name}.")
    print_table(("", ""), list(facts.items()), none="")
    if "timeline" in found:
        rows = [(entry.get("at"), entry.get("kind"), entry.get("text")) for entry in found["timeline"]]
        print_table(("at", "what", "text"), rows, none="nothing happened yet")
