"""`aether show ID`: an incident or an action, so that the first screen says what is broken and what to type."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

group = typer.Typer()

_FEWEST_ENTRIES = 5
_OTHER_LINES = 4  # between facts and timeline, its heading, what is left out, and the next prompt


@group.command(epilog=exit_codes.asking())
def show(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="An incident's or an action's id, or enough of its beginning: inc-06f3qk2c.",
            autocompletion=completing.incidents_and_actions,
        ),
    ],
    *,
    is_whole: Annotated[
        bool, typer.Option("--all", help="On a terminal, too: the whole timeline, and nothing cut.")
    ] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show what is broken, for whom, why, what the agent did and what to type; below it the timeline. Or an action."""
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import print_json

    look_up = lookups.action if id_.startswith("act-") else lookups.incident
    answer = talk(lambda agent: look_up(agent, id_), config=config, url=url, token=token)
    if as_json:
        print_json(answer)
    else:
        _print(answer, is_whole=is_whole)


def _print(found: Mapping[str, Any], *, is_whole: bool) -> None:
    from aetherlink.cli import printing, told_action, told_incident
    from aetherlink.lib.clock import SystemClock

    room, now = printing.height(), SystemClock().now()
    is_cut = room is not None and not is_whole
    tell = told_incident.facts if "timeline" in found else told_action.facts
    facts = printing.drawn(("", printing.Words("")), list(tell(found, now, is_cut=is_cut)))
    printing.print_drawn(facts)
    if "timeline" not in found:
        return
    left = len(found["timeline"]) if room is None or is_whole else room - facts.count("\n") - 1 - _OTHER_LINES
    _print_timeline(found, max(_FEWEST_ENTRIES, left), is_cut=is_cut)


def _print_timeline(found: Mapping[str, Any], most: int, *, is_cut: bool) -> None:
    from aetherlink.cli.printing import When, Words, print_line, print_table

    entries = found["timeline"][-most:]
    rows = [(When(entry.get("at")), entry.get("kind"), entry.get("text")) for entry in entries]
    print_line("")
    print_table(("at", "what", Words("text", is_cut=is_cut)), rows, none="nothing happened yet")
    if left_out := len(found["timeline"]) - len(entries):
        print_line(f"{left_out} earlier entries: aether show {found.get('id')} --all")
