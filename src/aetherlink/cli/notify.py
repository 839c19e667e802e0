"""`aether notify list | dead | resend | test`: how the channels stand, what was given up, and a test message."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli.listing import Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()
notify_commands = typer.Typer(help="Channels: list, dead letters, test.", no_args_is_help=True)
group.add_typer(notify_commands, name="notify")

_DEAD = Listing(
    "/api/v1/deliveries",
    ("subject", "channel", "told", "since", "failure", "problem"),
    lambda item: [
        item.get("subject"),
        item.get("channel"),
        f"{item.get('told')} of {item.get('wanted')}",
        item.get("since"),
        item.get("failure"),
        item.get("problem"),
    ],
    none="no dead letters",
)
_COLUMNS = ("name", "kind", "told", "waiting", "digested", "dead", "waiting_since", "problem")


@notify_commands.command("list")
def list_channels(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """List the channels of the running agent: of how many incidents each knows, what waits, and why."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/channels"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        headings = ("channel", *_COLUMNS[1:-2], "waits since", "problem")
        print_table(headings, map(_row, answer.get("items", [])), none="no channels: nobody is told of anything")


@notify_commands.command()
def dead(
    *,
    channel: Annotated[str | None, typer.Option(help="Of this channel.", show_default="all")] = None,
    limit: Limit = 100,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List what was given up, newest first."""
    only = {"state": "dead", "channel": channel}
    _DEAD.show(only, limit=limit, as_json=as_json, config=config, url=url, token=token)


@notify_commands.command()
def resend(
    subject: Annotated[str, typer.Argument(help="The incident or digest, as `aether notify dead` prints it.")],
    channel: Annotated[str, typer.Argument(help="The channel.")],
    *,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Have a dead letter told again, as its incident stands now. Needs a token with the scope operate."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_line

    path = f"/api/v1/deliveries/{quote(subject, safe='')}/{quote(channel, safe='')}/resend"
    answer = talk(lambda agent: agent.ask("POST", path), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        print_line(f"{subject} is told to {channel} again")


@notify_commands.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="The channel, by its name under notify.channels.")],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send a test message from here, with the settings: it opens and resolves an incident that is marked as a test.

    The agent need not run. Exits 1 when it was not heard, 2 when the settings or a secret's file are wrong.
    """
    import asyncio

    from aetherlink import settings, voice
    from aetherlink.cli.printing import print_json, print_line

    told = asyncio.run(voice.test_alone(settings.load(config), channel))
    if as_json:
        print_json({"channel": channel, "told": told})
    else:
        print_line(f"{channel}: {told}")


def _row(item: Mapping[str, Any]) -> list[object]:
    return [
        f"{item.get(column)} (not in the settings)"
        if column == "name" and item.get("kind") is None
        else item.get(column)
        for column in _COLUMNS
    ]
