"""`aether pause` and `aether resume`: one command stops every action; hearing and watching go on."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()


@group.command()
def pause(
    *,
    reason: Annotated[
        str | None,
        typer.Option(help="Why, for those who find it paused.", show_default="that of a pause that holds"),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="For how long, like 2h or 30m.", show_default="until resumed")
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Pause the agent: nothing is acted on until it is resumed, restarts included."""
    from aetherlink.cli.connection import talk

    body = ({} if reason is None else {"reason": reason}) | ({} if for_ is None else {"until": _end_of(for_)})
    answer = talk(lambda agent: agent.ask("POST", "/api/v1/pause", body), config=config, url=url, token=token)
    _print(answer, as_json=as_json)


@group.command()
def resume(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Resume a paused agent. It takes a token with the scope admin: the operator's, as a rule."""
    from aetherlink.cli.connection import talk

    answer = talk(lambda agent: agent.ask("DELETE", "/api/v1/pause"), config=config, url=url, token=token)
    _print(answer, as_json=as_json)


def _end_of(duration: str) -> str:
    from aetherlink.errors import SettingsError
    from aetherlink.lib.clock import SystemClock
    from aetherlink.lib.durations import parse_duration

    try:
        return (SystemClock().now() + parse_duration(duration)).isoformat()
    except ValueError as problem:
        raise SettingsError(f"--for: {problem}") from problem


def _print(answer: Mapping[str, Any], *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json, print_line

    if as_json:
        print_json(answer)
        return
    for one in answer.get("pauses", []):
        end = f"until {one['until']}" if one.get("until") else "until `aether resume`"
        print_line(f"paused {end}, by {one.get('paused_by')} at {one.get('since')}: {one.get('reason')}")
    if not answer.get("paused"):
        print_line("not paused: the agent acts as its mode allows")
