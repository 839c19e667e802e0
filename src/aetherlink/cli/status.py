"""`aether status`: how the agent itself stands, part by part: whether what it does not say can be believed."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Column, When, Words

group = typer.Typer()

_STANDS = {"NOT WELL": "bold red", "PAUSED": "bold yellow", "FROZEN": "bold yellow", "ok": "green"}
_COLUMNS = ("part", Column("stands", styles=_STANDS), "looked", Words("detail"))
_CODES = {0: "well, also while paused or frozen", 1: "something of it is not, or the agent refused"}


@group.command(epilog=exit_codes.asking(_CODES))
def status(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Show how the agent itself stands: what keeps it from acting, its parts, sources and channels, its disk."""
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
    yield from _acting(answer)
    kept = f"{answer.get('store')}, {answer.get('entries')} timeline entries"
    for part in answer.get("parts") or []:
        name = part.get("name")
        yield _row(name, is_well=bool(part.get("is_alive")), detail=kept if name == "store" else "")
    for one in answer.get("sources") or []:
        blind = "its heartbeat has stopped" if one.get("is_blind") else ""
        detail = "; ".join(filter(None, (blind, one.get("detail"))))
        is_well = None if one.get("is_up") is None else bool(one["is_up"]) and not one.get("is_blind")
        yield _row(f"{one.get('kind')} {one.get('source')}", is_well=is_well, at=one.get("checked_at"), detail=detail)
    for one in answer.get("channels") or []:
        given_up = f"{one['dead']} given up: aether notify dead" if one.get("dead") else ""
        problem = "; ".join(filter(None, (str(one.get("problem") or ""), given_up)))
        yield _row(f"channel {one.get('name')}", is_well=not problem, detail=problem)
    yield _disk(answer.get("free_bytes"), answer.get("low_disk_bytes") or 0)


def _acting(answer: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """What is paused or frozen, one by one; the mode alone says not whether it acts."""
    state = answer.get("pause") or {}
    held = [_paused(one) for one in state.get("pauses") or []]
    held += [("acting", "PAUSED", When(None), f"all: {state['outside']}")] if state.get("outside") else []
    held += [("acting", "FROZEN", When(None), words) for words in answer.get("frozen") or []]
    yield from held or [_row("acting", is_well=True, detail="nothing is paused or frozen")]


def _paused(one: Mapping[str, Any]) -> tuple[object, ...]:
    end = f" until {one['until']}" if one.get("until") else ""
    since = When(one.get("from") or one.get("since"))
    return ("acting", "PAUSED", since, f"{one.get('scope')}{end}, by {one.get('paused_by')}: {one.get('reason')}")


def _disk(free: int | None, low: int) -> tuple[object, ...]:
    if free is None:
        return _row("disk", is_well=False, detail="nobody can tell how much of it is free")
    bound = f", less than the {low / 1e9:.1f} GB of retention.low_disk_bytes" if free < low else ""
    return _row("disk", is_well=not bound, detail=f"{free / 1e9:.1f} GB free{bound}")


def _row(name: object, *, is_well: bool | None, at: object = None, detail: object = "") -> tuple[object, ...]:
    stands = "not asked yet" if is_well is None else "ok" if is_well else "NOT WELL"
    return (name, stands, When(at), detail)
