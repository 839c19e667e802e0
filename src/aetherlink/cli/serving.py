"""`aether serve`, `check` and `version`: what needs no running agent."""

from typing import TYPE_CHECKING

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

group = typer.Typer()


@group.command(epilog=exit_codes.told({0: "told to stop", 1: "the store cannot be used", 2: "usage or settings"}))
def serve(config: Config = None) -> None:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C)."""
    from aetherlink import app, settings

    raise typer.Exit(app.run(settings.load(config)))


@group.command(epilog=exit_codes.told({0: "well", 2: "usage, or a setting is wrong", 3: "something is out of reach"}))
def check(config: Config = None, as_json: Json = False) -> None:
    """Build everything from the settings, say what was found, and exit."""
    from aetherlink import app, settings
    from aetherlink.cli.printing import print_line

    found, file = settings.load(config), settings.file_of(config)
    lines = app.check(found)
    if as_json:
        _print_checked(lines, file)
        return
    print_line(f"settings from {file}" if file else "no settings file: ./aether.yaml is not there, none was named")
    for line in lines:
        print_line(line)


@group.command(epilog=exit_codes.told({0: "always", 2: "usage"}))
def version(as_json: Json = False) -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    from aetherlink.cli.printing import print_json, print_line

    found = version_of("aetherlink")
    if as_json:
        print_json({"version": found})
    else:
        print_line(f"aether {found}")


def _print_checked(lines: "Iterator[str]", file: "Path | None") -> None:
    """One document, also where something is out of reach: what, it says itself. Raises what app.check raises."""
    from aetherlink.cli.printing import print_json
    from aetherlink.errors import UnreachableError

    found: list[str] = []
    away: UnreachableError | None = None
    try:
        found.extend(lines)
    except UnreachableError as problem:
        away = problem
    print_json({"ok": away is None, "settings": None if file is None else str(file), "found": found})
    if away is not None:
        raise away
