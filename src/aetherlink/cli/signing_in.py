"""`aether open`: a link that signs a browser in to the console, and the browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

if TYPE_CHECKING:
    from aetherlink.clients.agent import AgentClient

group = typer.Typer()


@group.command("open", epilog=exit_codes.asking())
def open_console(
    *,
    role: Annotated[
        str,
        typer.Option(
            help="What the browser may do: viewer, responder, approver or admin.",
            autocompletion=completing.words("viewer", "responder", "approver", "admin"),
        ),
    ] = "admin",
    name: Annotated[
        str | None, typer.Option(help="Who signs in, as timelines show it.", show_default="whose token it is")
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the link and open no browser.")] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Sign a browser in to the console: make a link that is good once and for minutes, print it, and open it.

    It takes a token with the scope admin: the operator's, as a rule.
    """
    import webbrowser

    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line, say

    body = {"role": role} | ({"name": name} if name else {})

    async def made_at(agent: "AgentClient") -> tuple[dict[str, object], str]:
        link = dict(await agent.ask("POST", "/api/v1/login-links", body))
        return link, str(link.get("url") or f"{agent.address}{link.get('path')}")

    link, address = talk(made_at, config=config, url=url, token=token)
    if as_json:
        print_json({**link, "url": address})
        return
    until = link.get("expires_at")
    say(f"signs {link.get('name')} in as {link.get('role')}, once, until {until}:")
    print_line(address)
    if not only_print and not webbrowser.open(address):
        say("no browser could be opened here: open the link in yours")
