"""`aether token create | list | rotate | revoke`. They need a token with the scope admin: the operator's, as a rule."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()
token_commands = typer.Typer(help="Tokens of programs and people: make, list, rotate, revoke.", no_args_is_help=True)
group.add_typer(token_commands, name="token")


@token_commands.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; two of one name may be valid at a time, for rotation.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="webhook, read, operate, approve or admin; may be repeated.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="viewer, responder, approver or admin, in place of scopes.")] = None,
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


@token_commands.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Whose token gets a new secret.")],
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


@token_commands.command("list")
def list_tokens(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """List tokens, the revoked ones too, without their secrets."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/tokens?limit=500"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            item.get("id"),
            item.get("name"),
            item.get("role") or " ".join(item.get("scopes", [])),
            item.get("source") or item.get("tenant") or "",
            item.get("created_at"),
            item.get("used_at") or "never",
            _state(item),
        )
        for item in answer.get("items", [])
    ]
    columns = ("id", "name", "may", "bound to", "created", "last used", "state")
    print_table(columns, rows, none="no tokens but those of files")


@token_commands.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as `aether token list` prints it.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a token: it is refused from now on."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_line

    path = f"/api/v1/tokens/{quote(id_, safe='')}"
    revoked = talk(lambda agent: agent.ask("DELETE", path), config=config, url=url, token=token)
    print_line(f"token {revoked.get('id')} of {revoked.get('name')} is revoked")


def _print_new(made: Mapping[str, Any], *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json

    if as_json:
        print_json(made)
        return
    end = f", until {made['expires_at']}" if made.get("expires_at") else ""
    scopes = ", ".join(made.get("scopes", []))
    typer.echo(f"token {made.get('id')} for {made.get('name')} ({scopes}){end}; shown this once:", err=True)
    typer.echo(made.get("token"))


def _state(item: Mapping[str, Any]) -> str:
    if item.get("revoked_at"):
        return f"revoked {item['revoked_at']}"
    if not item.get("expires_at"):
        return "valid"
    is_over = datetime.fromisoformat(item["expires_at"]) <= datetime.now(UTC)
    return f"{'expired' if is_over else 'until'} {item['expires_at']}"
