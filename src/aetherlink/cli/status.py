"""`aether status`: how the agent itself stands, part by part: whether what it does not say can be believed."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Column, When, Words

group = typer.Typer()

_COLUMNS = ("part", Column("stands", styles={"NOT WELL": "bold red", "ok": "green"}), "looked", Words("detail"))


@group.command(epilog=exit_codes.asking({0: "well", 1: "something of it is not, or the agent refused"}))
def status(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Show how the agent itself stands: its parts, its sources, its channels, its store."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/status"), config=config, url=url, token=token)
    rows = list(_rows(answer))
    if as_json:
        print_json(answer)
    else:
        print_table(_COLUMNS, rows, none="")
    raise typer.Exit(exit_codes.FAILED if any(row[1] == "NOT WELL" for row in rows) else 0)


def _rows(answer: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    about = f"version {answer.get('version')}, mode {answer.get('mode')}"
    unready = "; ".join(map(str, answer.get("unready") or []))
    yield _row("agent", is_well=bool(answer.get("is_ready")), detail=f"{about}{f': {unready}' if unready else ''}")
    for part in answer.get("parts") or []:
        yield _row(part.get("name"), is_well=bool(part.get("is_alive")))
    for one in answer.get("sources") or []:
        blind = "its heartbeat has stopped" if one.get("is_blind") else ""
        detail = "; ".join(filter(None, (blind, one.get("detail"))))
        is_well = None if one.get("is_up") is None else bool(one["is_up"]) and not one.get("is_blind")
        yield _row(f"{one.get('kind')} {one.get('source')}", is_well=is_well, at=one.get("checked_at"), detail=detail)
    for one in answer.get("channels") or []:
        given_up = f"{one['dead']} given up: aether notify dead" if one.get("dead") else ""
        problem = "; ".join(filter(None, (str(one.get("problem") or ""), given_up)))
        yield _row(f"channel {one.get('name')}", is_well=not problem, detail=problem)
    free = answer.get("free_bytes")
    room = "" if free is None else f", {free / 1e9:.1f} GB free"
    yield _row("store", is_well=True, detail=f"{answer.get('store')}, {answer.get('entries')} timeline entries{room}")


def _row(name: object, *, is_well: bool | None, at: object = None, detail: object = "") -> tuple[object, ...]:
    stands = "not asked yet" if is_well is None else "ok" if is_well else "NOT WELL"
    return (name, stands, When(at), detail)
