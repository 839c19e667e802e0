"""`aether watch`: what happens, as it happens."""

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()


@group.command(epilog=exit_codes.asking({0: "ended by Ctrl-C"}))
def watch(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Watch the agent until Ctrl-C: a board in a terminal, else a line for each event; --json prints one a line."""
    from contextlib import suppress

    from aetherlink.cli import watching
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import console

    screen = console()
    for_people = watching.as_board if screen.is_terminal and not screen.is_dumb_terminal else watching.as_lines
    work = watching.as_json if as_json else for_people
    with suppress(KeyboardInterrupt):  # how one leaves it
        talk(work, config=config, url=url, token=token)
