"""`aether token create | list | revoke`. They need a token with the scope admin: the operator's, as a rule."""

from typing import Annotated
from urllib.parse import quote

import typer

from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()
token_commands = typer.Typer(help="Tokens of programs and people: make, list, revoke.", no_args_is_help=True)
group.add_typer(token_commands, name="token")


@token_commands.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; two of one name may be valid at a time, for rotation.")],
    *,
    scope: Annotated[list[str], typer.Option(help="webhook, read, operate, approve or admin; may be repeated.")],
    source: Annotated[
        str | None, typer.Option(help="The source whose alerts it delivers; for the scope webhook.")
    ] = None,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed this once, alone on standard output."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json

    body = {"name": name, "scopes": scope} | ({"source": source} if source else {})
    made = talk(lambda agent: agent.ask("POST", "/api/v1/tokens", body), config=config, url=url, token=token)
    if as_json:
        print_json(made)
        return
    typer.echo(f"token {made.get('id')} for {name} ({', '.join(made.get('scopes', []))}); shown this once:", err=True)
    typer.echo(made.get("token"))


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
            " ".join(item.get("scopes", [])),
            item.get("source") or "",
            item.get("created_at"),
            _state(item),
        )
        for item in answer.get("items", [])
    ]
    print_table(("id", "name", "scopes", "source", "created", "state"), rows, none="no tokens but those of files")


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


def _state(item: dict[str, object]) -> str:
    return f"revoked {item['revoked_at']}" if item.get("revoked_at") else "valid"
