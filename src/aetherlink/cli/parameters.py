"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file. Else AETHER_CONFIG, else ./aether.yaml.", show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="AETHER_URL",
        help="Where the agent is. Else the settings' listen address; with none, the lab in ./.lab.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="AETHER_TOKEN",
        help="A token. Else the operator's of the data directory, if it can be read and --url is not given.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")]
