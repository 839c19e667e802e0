"""`aether serve`, `check` and `version`: what needs no running agent."""

import typer

from aetherlink.cli.parameters import Config

group = typer.Typer()


@group.command()
def serve(config: Config = None) -> None:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C)."""
    from aetherlink import app, settings

    raise typer.Exit(app.run(settings.load(config)))


@group.command()
def check(config: Config = None) -> None:
    """Build everything from the settings, say what was found, and exit.

    0 well, 2 a setting is wrong, 3 something is not reached.
    """
    from aetherlink import app, settings

    found, file = settings.load(config), settings.file_of(config)
    typer.echo(f"settings from {file}" if file else "no settings file: ./aether.yaml is not there, none was named")
    for line in app.check(found):
        typer.echo(line)


@group.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(f"aether {version_of('aetherlink')}")
