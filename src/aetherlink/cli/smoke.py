"""`aether smoke`: does a running agent do its five things? Changes nothing in the world; prints a line a check.

The action that it asks for names a service that nobody has and no number of replicas, so it is always refused. The
alert that it invents fits no playbook and resolves at once.
"""

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()


@group.command(epilog=exit_codes.asking({0: "all passed", 1: "one failed"}))
def smoke(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Check a running agent: health, query, act, metrics, webhook."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, say
    from aetherlink.cli.smoke_checks import Result, print_result, run_checks
    from aetherlink.clients.agent import AgentClient

    async def run(agent: AgentClient) -> list[Result]:
        say(f"asking the agent at {agent.address}")
        return await run_checks(agent, told=(lambda _: None) if as_json else print_result)

    results = talk(run, config=config, url=url, token=token)
    is_well = all(one.is_well for one in results)
    if as_json:
        checks = [{"check": one.name, "ok": one.is_well, "detail": one.detail} for one in results]
        print_json({"ok": is_well, "checks": checks})
    raise typer.Exit(0 if is_well else 3 if all(one.is_away for one in results) else exit_codes.FAILED)
