"""`aether brakes` and `aether release`: what automation is kept from, and letting go of it."""

from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.listing import All, Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import When, Words

group = typer.Typer()

_LISTING = Listing(
    "/api/v1/brakes",
    ("scope", "since", "effect", Words("by", most=16, is_cut=True), Words("reason")),
    lambda item: [
        item.get("scope"),
        When(item.get("since")),
        item.get("effect"),
        item.get("set_by"),
        item.get("reason"),
    ],
    none="no brakes; what is paused: aether pause --list, what is frozen: aether policy",
)


@group.command(epilog=exit_codes.asking())
def brakes(
    *,
    limit: Limit = 100,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List what automation is kept from until a person lets go of it."""
    _LISTING.show({}, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)


@group.command(epilog=exit_codes.asking())
def release(
    scope: Annotated[
        str, typer.Argument(help="The brake, as `aether brakes` prints it.", autocompletion=completing.brakes)
    ],
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
