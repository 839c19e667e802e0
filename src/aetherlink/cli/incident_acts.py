"""`aether note`, `ack` and `close`: what people do with an incident by hand."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.parameters import Config, Json, Token, Url

if TYPE_CHECKING:
    from aetherlink.clients.agent import AgentClient

group = typer.Typer()

_Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The incident's id, or enough of its beginning.", autocompletion=completing.open_incidents
    ),
]


@group.command(epilog=exit_codes.asking())
def note(
    id_: _Id,
    text: Annotated[str, typer.Argument(help="What the timeline is to say.")],
    *,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Add a note to an incident's timeline."""
    noted = _post(id_, "notes", {"text": text}, config=config, url=url, token=token)
    _print(noted, f"noted on {noted.get('id')}", as_json=as_json)


@group.command(epilog=exit_codes.asking())
def ack(id_: _Id, config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Acknowledge an incident: say that you look after it."""
    acknowledged = _post(id_, "ack", {}, config=config, url=url, token=token)
    by, at = acknowledged.get("acknowledged_by"), acknowledged.get("acknowledged_at")
    _print(acknowledged, f"{by} looks after {acknowledged.get('id')} since {at}", as_json=as_json)


@group.command(epilog=exit_codes.asking())
def close(
    id_: _Id,
    *,
    reason: Annotated[str, typer.Option(help="Why it is over, for the record.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Close an incident by hand, whatever still fires; an alert that fires anew brings it back."""
    closed = _post(id_, "close", {"reason": reason}, config=config, url=url, token=token)
    said = "is closed" if closed.get("status") == "resolved" else "will be closed when its action has ended"
    _print(closed, f"{closed.get('id')} {said}, by {closed.get('closed_by')}", as_json=as_json)


def _post(id_: str, what: str, body: dict[str, str], **where: Any) -> Mapping[str, Any]:
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk

    async def posted(agent: "AgentClient") -> Mapping[str, Any]:
        whole = await lookups.whole_id(agent, id_)
        return await agent.ask("POST", f"/api/v1/incidents/{quote(whole, safe='')}/{what}", body or None)

    return talk(posted, **where)


def _print(answer: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json, print_line

    if as_json:
        print_json(answer)
    else:
        print_line(words)
