"""`aether pause` and `aether resume`: one command stops every action; hearing and watching go on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()

_OF_WHAT_IS_FOUND = ("target:compose:", "target:container:")
_SCOPES = "all, or playbook:NAME, tenant:NAME, target:NAME, source:NAME."


@group.command(epilog=exit_codes.asking())
def pause(
    *,
    scope: Annotated[str, typer.Option(help=f"What is paused: {_SCOPES}")] = "all",
    reason: Annotated[
        str | None,
        typer.Option(help="Why, for those who find it paused.", show_default="that of a pause that holds"),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="When it begins: 2026-01-31T22:00+01:00, or in how long, like 2h.", show_default="now"
        ),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="For how long, like 2h or 30m.", show_default="until resumed")
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="Only say what is paused and will be.")] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Pause the agent or a part of it: nothing is acted on until it is resumed, restarts included."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import say

    method, body = ("GET", None) if is_list else ("POST", _wish(scope, reason, from_, for_))
    answer = talk(lambda agent: agent.ask(method, "/api/v1/pause", body), config=config, url=url, token=token)
    _print(answer, as_json=as_json)
    if not is_list and scope.startswith(_OF_WHAT_IS_FOUND):
        say(
            f"nobody has looked whether there is such a container or service: {scope!r} pauses what has exactly this "
            "name (see `docker ps`, or the targets in `aether actions`)"
        )


@group.command(epilog=exit_codes.asking())
def resume(
    *,
    scope: Annotated[str, typer.Option(help=f"What is resumed: {_SCOPES}")] = "all",
    planned: Annotated[bool, typer.Option("--planned", help="Call off what is only to come, too.")] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Resume what is paused. It takes a token with the scope admin: the operator's, as a rule."""
    from urllib.parse import urlencode

    from aetherlink.cli.connection import talk

    path = f"/api/v1/pause?{urlencode({'scope': scope, 'planned': str(planned).lower()})}"
    answer = talk(lambda agent: agent.ask("DELETE", path), config=config, url=url, token=token)
    _print(answer, as_json=as_json)


def _wish(scope: str, reason: str | None, from_: str | None, for_: str | None) -> dict[str, str]:
    from aetherlink.lib.clock import SystemClock

    now = SystemClock().now()
    begins = None if from_ is None else _beginning(from_, now)
    wish = {"scope": scope} | ({} if reason is None else {"reason": reason})
    if begins is not None:
        wish["from"] = begins.isoformat()
    if for_ is not None:
        wish["until"] = _after(begins or now, for_, "--for").isoformat()
    return wish


def _beginning(text: str, now: datetime) -> datetime:
    """An instant with its zone, or one that lies so far ahead."""
    from aetherlink.errors import SettingsError

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return _after(now, text, "--from")
    if instant.tzinfo is None:
        raise SettingsError(f"--from: {text!r} does not say its zone: write for instance {text}+00:00")
    return instant


def _after(start: datetime, duration: str, option: str) -> datetime:
    from aetherlink.errors import SettingsError
    from aetherlink.lib.durations import parse_duration

    try:
        return start + parse_duration(duration)
    except (ValueError, OverflowError) as problem:
        raise SettingsError(f"{option}: {problem}") from problem


def _print(answer: Mapping[str, Any], *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json, print_words

    if as_json:
        print_json(answer)
        return
    for one in answer.get("pauses", []):
        print_words(_line(one))
    if answer.get("outside"):
        print_words(f"{answer['outside']}")
    if not answer.get("paused"):
        print_words("not paused: the agent acts as its mode allows")


def _line(one: Mapping[str, Any]) -> str:
    scope = one.get("scope")
    what = "" if scope == "all" else f"{scope} is "
    how = "paused" if one.get("in_force") else f"to be paused from {one.get('from')}"
    resume_it = "aether resume" if scope == "all" else f"aether resume --scope {scope}"
    end = f"until {one['until']}" if one.get("until") else f"until `{resume_it}`"
    return f"{what}{how} {end}, by {one.get('paused_by')} at {one.get('since')}: {one.get('reason')}"
