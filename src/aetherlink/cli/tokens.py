"""`aether token create | list | rotate | revoke`. They need a token with the scope admin: the operator's, as a rule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.instants import parsed
from aetherlink.cli.listing import All, Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import When, Words

group = typer.Typer()
token_commands = typer.Typer(help="Tokens of programs and people: make, list, rotate, revoke.", no_args_is_help=True)
group.add_typer(token_commands, name="token")


@token_commands.command(epilog=exit_codes.asking())
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; two of one name may be valid at a time, for rotation.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="webhook, read, operate, approve or admin; may be repeated.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="viewer, responder, approver or admin, in place of scopes.",
            autocompletion=completing.words("viewer", "responder", "approver", "admin"),
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The source whose alerts it delivers; for the scope webhook.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="The one tenant that it may see; for the role viewer.")] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="It ends by itself after this long, like 90d or 12h.", show_default="never")
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Make a token with scopes, or with a role. Its secret is printed this once, alone on standard output."""
    from aetherlink.cli.connection import talk

    if bool(scope) == bool(role):
        raise typer.BadParameter("give --role, or --scope")
    wish = {"scopes": scope, "role": role, "source": source, "tenant": tenant, "expires_in": expires_in}
    body = {"name": name} | {key: value for key, value in wish.items() if value}
    made = talk(lambda agent: agent.ask("POST", "/api/v1/tokens", body), config=config, url=url, token=token)
    _print_new(made, as_json=as_json)


@token_commands.command(epilog=exit_codes.asking())
def rotate(
    name: Annotated[str, typer.Argument(help="Whose token gets a new secret.", autocompletion=completing.token_names)],
    *,
    overlap: Annotated[str, typer.Option(help="How long the old one is still good, like 24h; 0s: not at all.")] = "24h",
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Make a token in place of another, which ends by itself. The new secret is printed this once, as at `create`."""
    from aetherlink.cli.connection import talk

    path = f"/api/v1/tokens/{quote(name, safe='')}/rotate"
    body = {"overlap": overlap}
    made = talk(lambda agent: agent.ask("POST", path, body), config=config, url=url, token=token)
    _print_new(made, as_json=as_json)


@token_commands.command("list", epilog=exit_codes.asking())
def list_tokens(
    *,
    limit: Limit = 100,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List tokens, the revoked ones too, without their secrets."""
    _listing().show({}, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)


@token_commands.command(epilog=exit_codes.asking())
def revoke(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The token's id, as `aether token list` prints it.",
            autocompletion=completing.tokens,
        ),
    ],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Revoke a token: it is refused from now on."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line

    path = f"/api/v1/tokens/{quote(id_, safe='')}"
    revoked = talk(lambda agent: agent.ask("DELETE", path), config=config, url=url, token=token)
    if as_json:
        print_json(revoked)
    else:
        print_line(f"token {revoked.get('id')} of {revoked.get('name')} is revoked")


def _print_new(made: Mapping[str, Any], *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json, print_line, say

    if as_json:
        print_json(made)
        return
    end = f", until {made['expires_at']}" if made.get("expires_at") else ""
    scopes = ", ".join(made.get("scopes", []))
    say(f"token {made.get('id')} for {made.get('name')} ({scopes}){end}; shown this once:")
    print_line(str(made.get("token")))


def _listing() -> Listing:
    from aetherlink.lib.clock import SystemClock

    now = SystemClock().now()
    words = [Words(name, is_cut=True) for name in ("name", "may", "bound to")]
    columns: tuple[str | Words, ...] = ("id", *words, "used", "state", "ends")
    return Listing("/api/v1/tokens", columns, lambda item: _row(item, now), none="no tokens but those of files")


def _row(item: Mapping[str, Any], now: datetime) -> tuple[object, ...]:
    may = item.get("role") or " ".join(item.get("scopes", []))
    used = When(item["used_at"]) if item.get("used_at") else "never"
    end = When(item.get("revoked_at") or item.get("expires_at"))
    bound = item.get("source") or item.get("tenant")
    return (item.get("id"), item.get("name"), may, bound, used, _state(item, now), end)


def _state(item: Mapping[str, Any], now: datetime) -> str:
    if item.get("revoked_at"):
        return "revoked"
    end = parsed(item.get("expires_at"))
    return "expired" if end is not None and end <= now else "valid"
