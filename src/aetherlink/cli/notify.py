"""`aether notify list | dead | resend | test`: how the channels stand, what was given up, and a test message."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.listing import All, Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import When, Words

group = typer.Typer()
notify_commands = typer.Typer(help="Channels: list, dead letters, test.", no_args_is_help=True)
group.add_typer(notify_commands, name="notify")

_DEAD = Listing(
    "/api/v1/deliveries",
    ("subject", Words("channel", is_cut=True), "told", "since", Words("failure", is_cut=True), Words("problem")),
    lambda item: [
        item.get("subject"),
        item.get("channel"),
        f"{item.get('told')} of {item.get('wanted')}",
        When(item.get("since")),
        item.get("failure"),
        item.get("problem"),
    ],
    none="no dead letters",
)
_STATES = ("waiting", "sending", "told", "digested", "dead")
_COLUMNS = ("name", "kind", "told", "waiting", "digested", "dead", "waiting_since", "problem")


@notify_commands.command("list", epilog=exit_codes.asking())
def list_channels(config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """List the channels of the running agent: of how many incidents each knows, what waits, and why."""
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json, print_table

    answer = talk(lambda agent: agent.ask("GET", "/api/v1/channels"), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        headings = (Words("channel"), *_COLUMNS[1:-2], "waits since", Words("problem"))
        print_table(headings, map(_row, answer.get("items", [])), none="no channels: nobody is told of anything")


@notify_commands.command(epilog=exit_codes.asking())
def dead(
    *,
    channel: Annotated[
        str | None, typer.Option(help="Of this channel.", show_default="all", autocompletion=completing.channels)
    ] = None,
    state: Annotated[
        str,
        typer.Option(
            "--state",
            "--status",
            help=f"{', '.join(_STATES[:-1])} or {_STATES[-1]}; all: whatever their state.",
            autocompletion=completing.words(*_STATES, "all"),
        ),
    ] = "dead",
    limit: Limit = 100,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List what was given up, newest first; with --state what was told, or waits."""
    only = {"state": None if state == "all" else state, "channel": channel}
    _DEAD.show(only, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)


@notify_commands.command(epilog=exit_codes.asking())
def resend(
    subject: Annotated[str, typer.Argument(help="The incident or digest, as `aether notify dead` prints it.")],
    channel: Annotated[str, typer.Argument(help="The channel.", autocompletion=completing.channels)],
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


@notify_commands.command(
    "test",
    epilog=exit_codes.told(
        {0: "it was heard", 1: "it was not heard", 2: "usage, settings, or a secret's file", 3: "nobody answers there"}
    ),
)
def try_channel(
    channel: Annotated[str, typer.Argument(help="The channel, by its name under notify.channels.")],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send a test message from here, with the settings: it opens and resolves an incident that is marked as a test.

    The agent need not run.
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
    name = str(item.get("name")) + (" (not in the settings)" if item.get("kind") is None else "")
    counts = (item.get(column) for column in _COLUMNS[1:-2])
    return [name, *counts, When(item.get("waiting_since")), item.get("problem")]
