"""`aether health`: the health scores as last read, what pulls them down, and where they are going."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Column, Words
from aetherlink.cli.styles import HEALTH

group = typer.Typer()

_COLUMNS = (
    Words("tenant", is_cut=True),
    Column("status", styles=HEALTH),
    "score",
    "low",
    Words("falls below", most=30),
    Words("pulled down by"),
    Words("why"),
)

_READ = ("ok", "low")  # a number beside another status is none that counts
_HARMLESS = 0.995  # a part that is shown as 1.00 pulls nothing down
_CODES = {0: "every score is well", 1: "one is low or could not be read, or the agent refused"}


@group.command(epilog=exit_codes.asking(_CODES))
def health(
    *,
    tenant: Annotated[
        str | None,
        typer.Option(help="Of this tenant only.", show_default="everyone", autocompletion=completing.tenants),
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show the health scores: of all tenants together, and of each; low: so many readings in a row."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/health"), config=config, url=url, token=token)
    whole = answer.get("score")
    readings = [*([whole] if whole else []), *answer.get("tenants", [])]
    shown = [reading for reading in readings if tenant is None or reading.get("tenant") == tenant]
    if as_json:
        print_json(answer if tenant is None else {"items": shown})
    else:
        none = f"no score of tenant {tenant!r}" if readings else "not checked yet"
        print_table(_COLUMNS, [_row(reading) for reading in shown], none=none)
    is_well = bool(shown) and all(reading.get("status") == "ok" for reading in shown)
    raise typer.Exit(0 if is_well else exit_codes.FAILED)


def _row(reading: Mapping[str, Any]) -> tuple[object, ...]:
    score = reading.get("score") if reading.get("status") in _READ else None
    return (
        (reading.get("tenant") or "(all)") + (" (VIP)" if reading.get("vip") else ""),
        reading.get("status"),
        None if score is None else f"{score:.1f}",
        reading.get("consecutive_low"),
        _when(reading.get("forecast")),
        ", ".join(_part(part) for part in reading.get("parts", []) if part.get("value", 0) < _HARMLESS),
        reading.get("detail"),
    )


def _part(part: Mapping[str, Any]) -> str:
    return f"{part.get('name')} {part.get('value', 0):.2f}"


def _when(forecast: Mapping[str, Any] | None) -> str:
    """The forecast in words."""
    if forecast is None:
        return ""
    earliest, likely, latest = (forecast.get(f"{name}_seconds") for name in ("earliest", "likely", "latest"))
    if likely is None:
        return f"not before {_minutes(earliest)}, if at all"
    return f"in {_minutes(likely)} ({_minutes(earliest)} to {'much later' if latest is None else _minutes(latest)})"


def _minutes(seconds: float | None) -> str:
    return f"{(seconds or 0) / 60:.0f} min"
