"""`aether socket-proxy`: the one thing that holds Docker's socket. It needs no running agent."""

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config

group = typer.Typer()


@group.command(
    "socket-proxy",
    epilog=exit_codes.told({0: "told to stop", 1: "it broke", 2: "usage or settings", 3: "Docker is out of reach"}),
)
def socket_proxy(config: Config = None) -> None:
    """Stand between the agent and Docker's socket: let through what the agent needs, refuse and log the rest."""
    from aetherlink import settings
    from aetherlink.socketproxy import serving

    found = settings.load(config)
    raise typer.Exit(
        serving.run(found.socket_proxy, found.data_dir, log_level=found.log_level, log_format=found.log_format)
    )
