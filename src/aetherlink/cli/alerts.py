"""`aether alerts` and `aether ledger`: what the agent was told, and what became of all of it."""

from typing import Annotated

import typer

from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()

_COLUMNS = ("since", "status", "severity", "name", "tenant", "incident")


@group.command()
def alerts(
    *,
    status: Annotated[str | None, typer.Option(help="firing or resolved.", show_default="both")] = None,
    source: Annotated[str | None, typer.Option(help="Of this source.", show_default="all")] = None,
    name: Annotated[str | None, typer.Option(help="With this name.", show_default="all")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.", show_default="all")] = None,
    severity: Annotated[
        str | None, typer.Option(help="critical, warning, info or none, as understood.", show_default="all")
    ] = None,
    incident: Annotated[str | None, typer.Option(help="Filed under this incident.", show_default="all")] = None,
    suppressed: Annotated[
        bool | None,
        typer.Option("--suppressed/--not-suppressed", help="Silenced, inhibited, heartbeats.", show_default="both"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List alerts, newest first."""
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    filters = {
        "status": status,
        "source": source,
        "alertname": name,
        "tenant": tenant,
        "severity": severity,
        "incident_id": incident,
        "suppressed": suppressed,
    }
    answer = talk(
        lambda agent: lookups.listed(agent, "/api/v1/alerts", filters, limit=limit), config=config, url=url, token=token
    )
    if as_json:
        print_json(answer)
    else:
        print_table(_COLUMNS, [_row(item) for item in answer["items"]], none="no alerts")


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


def _row(item: dict[str, object]) -> tuple[object, ...]:
    suppressed = item.get("suppressed")
    status = f"{item.get('status')} ({suppressed})" if suppressed else item.get("status")
    said = (item.get("severity"), item.get("name"), item.get("tenant"), item.get("incident_id"))
    return (item.get("starts_at"), status, *said)
