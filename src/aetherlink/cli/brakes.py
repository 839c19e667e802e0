"""`aether brakes` and `aether release`: what automation is kept from, and letting go of it."""

from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from aetherlink.cli.listing import Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()

_COLUMNS = ("scope", "since", "effect", "set_by", "reason")
_LISTING = Listing(
    "/api/v1/brakes", _COLUMNS, lambda item: [item.get(column) for column in _COLUMNS], none="nothing is held back"
)


@group.command()
def brakes(
    limit: Limit = 100, config: Config = None, url: Url = None, token: Token = None, as_json: Json = False
) -> None:
    """List what automation is kept from until a person lets go of it."""
    _LISTING.show({}, limit=limit, as_json=as_json, config=config, url=url, token=token)


@group.command()
def release(
    scope: Annotated[str, typer.Argument(help="The brake, as `aether brakes` prints it.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Let go of a brake; what was given up for it is looked at anew. Needs a token with the scope approve.

    What may have been carried out already stays with people: the agent does not do it again.
    """
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line

    path = f"/api/v1/brakes/{quote(scope, safe='')}?{urlencode({'reason': reason})}"
    released = talk(lambda agent: agent.ask("DELETE", path), config=config, url=url, token=token)
    if as_json:
        print_json(released)
    else:
        print_line(f"{released.get('scope')} is not held back any more")
