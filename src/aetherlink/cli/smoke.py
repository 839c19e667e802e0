"""`aether smoke`: does a running agent do its five things? Changes nothing in the world; prints a line a check.

The action that it asks for names a service that nobody has and no number of replicas, so it is always refused. The
alert that it invents fits no playbook and resolves at once.
"""

import typer

from aetherlink.cli.parameters import Config, Token, Url

group = typer.Typer()


@group.command()
def smoke(config: Config = None, url: Url = None, token: Token = None) -> None:
    """Check a running agent: health, query, act, metrics, webhook. Exits 1 when one fails."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.smoke_checks import run_checks
    from aetherlink.clients.agent import AgentClient

    async def run(agent: AgentClient) -> list[bool]:
        typer.echo(f"asking the agent at {agent.address}", err=True)
        return await run_checks(agent)

    results = talk(run, config=config, url=url, token=token)
    raise typer.Exit(0 if all(results) else 1)
