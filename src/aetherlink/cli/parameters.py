"""Options that several commands share."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

_TOKEN_VARIABLE = "AETHER_TOKEN"  # noqa: S105 - its name, not a secret


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that was given to the command, and what gave it."""

    secret: str = field(repr=False)
    given_by: str = "--token"


def _from_where(context: typer.Context, token: GivenToken | None) -> GivenToken | None:
    source = context.get_parameter_source("token")
    if token is None or source is None or source.name != "ENVIRONMENT":
        return token
    return replace(token, given_by=_TOKEN_VARIABLE)


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
    GivenToken | None,
    typer.Option(
        "--token",
        envvar=_TOKEN_VARIABLE,
        parser=GivenToken,
        callback=_from_where,
        metavar="<str>",
        help="A token. Else the operator's of the data directory, if it can be read and --url is not given.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")]
