"""`aether backup` and `aether restore`: all that the agent knows in one file, and back. They need no running agent."""

from pathlib import Path
from typing import Annotated

import typer

from aetherlink.cli import exit_codes
from aetherlink.cli.parameters import Config, Json

group = typer.Typer()

_CODES = exit_codes.told(
    {0: "done", 1: "the data or the file cannot be used", 2: "usage or settings", 3: "the database is out of reach"}
)


@group.command(epilog=_CODES)
def backup(
    file: Annotated[Path, typer.Argument(help="The zip to make. It must not be there yet.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Back up the agent's data, while it runs or not, and check that the file is whole."""
    from aetherlink import app, settings
    from aetherlink.cli.printing import print_json, print_line

    made = app.back_up(settings.load(config), file)
    size = file.stat().st_size
    if as_json:
        told = {"file": str(file), "bytes": size, "rows": made.rows, "schema": made.revision, "version": made.version}
        print_json({**told, "created_at": made.created_at, "files": sorted(made.files)})
        return
    print_line(f"{file}: {made.rows} rows, {size / 1e6:.1f} MB, schema {made.revision}, read again and whole")
    if made.files:
        print_line(f"it holds {', '.join(made.files)}: keep it where the database's thief does not look")


@group.command(epilog=_CODES)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `aether backup` made, or one of data_dir/backups.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Move the data that is there aside.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the agent's data. The agent has to be stopped; it starts paused."""
    from aetherlink import app, settings
    from aetherlink.cli.printing import print_json, print_line

    done = app.restore_from(settings.load(config), file, force=force)
    if as_json:
        told = {"file": str(file), "rows": done.manifest.rows, "created_at": done.manifest.created_at}
        print_json({**told, "replaced": done.replaced, "paused": True})
        return
    print_line(f"restored {done.manifest.rows} rows of {done.manifest.created_at}")
    if done.replaced is not None:
        print_line(f"what was there before is in {done.replaced}")
    print_line("the agent starts paused: look at it, then `aether resume`")
