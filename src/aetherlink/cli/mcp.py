"""`aether mcp`: an assistant reads a running agent over standard input and output, and proposes where it may."""

from typing import Annotated

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Token, Url

group = typer.Typer()


@group.command(epilog=exit_codes.asking({0: "the assistant has closed it"}))
def mcp(
    *,
    propose: Annotated[
        bool, typer.Option("--propose", help="Offer the tool that proposes an action, too: a person has to approve it.")
    ] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Serve an assistant by the Model Context Protocol, on standard input and output. It reads, and changes nothing."""
    from aetherlink.cli import assistants
    from aetherlink.cli.connection import talk
    from aetherlink.clients.agent import AgentClient
    from aetherlink.lib.clock import SystemClock

    serve = assistants.server()

    async def conversation(agent: AgentClient) -> None:
        await serve(await assistants.translator(agent, propose=propose, clock=SystemClock()))

    talk(conversation, config=config, url=url, token=token)
