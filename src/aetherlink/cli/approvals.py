"""`aether actions`, `approve`, `deny`, `cancel` and `wrong`: what people say to what the agent wants to do, or did."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from aetherlink.cli import completing, exit_codes
from aetherlink.cli.listing import All, Limit, Listing
from aetherlink.cli.parameters import Config, Json, Token, Url
from aetherlink.cli.printing import Column, Short, When, Words
from aetherlink.cli.styles import STATES

if TYPE_CHECKING:
    from aetherlink.clients.agent import AgentClient

group = typer.Typer()

_Waiting = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The action's id, or enough of its beginning.", autocompletion=completing.waiting_actions
    ),
]
_Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The action's id, or enough of its beginning.", autocompletion=completing.actions
    ),
]
_WAITING = "waiting_approval"
_STATES = ("refused", _WAITING, "allowed", "running", "finished")


def _row(item: Mapping[str, Any]) -> tuple[object, ...]:
    approval = item.get("approval") or {}
    expires = When(approval.get("expires_at")) if item.get("state") == _WAITING else None
    what = " ".join(str(part) for part in (item.get("verb"), item.get("request"), item.get("target")) if part)
    return (item.get("id"), When(item.get("created_at")), _standing(item), what, item.get("requested_by"), expires)


def _standing(item: Mapping[str, Any]) -> object:
    match item.get("state"):
        case "refused":
            return f"refused ({item.get('decision')})"
        case "waiting_approval":
            return Short(_WAITING, "waits")
        case state:
            return state


def _row_that_waits(item: Mapping[str, Any]) -> tuple[object, ...]:
    id_, since, _, *others = _row(item)
    return (id_, since, *others)


_WHAT = (Words("what", is_cut=True, least=30), Words("by", is_cut=True, is_spare=True), "expires")
_LISTING = Listing(
    "/api/v1/actions",
    (
        "id",
        "since",
        Column("state", most=16, styles=STATES),
        *_WHAT,
    ),
    _row,
    none="no actions",
)
_LISTING_THAT_WAITS = replace(_LISTING, columns=("id", "since", *_WHAT), row=_row_that_waits)


@group.command(epilog=exit_codes.asking())
def actions(
    *,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            "--status",
            help=f"{', '.join(_STATES[:-1])} or {_STATES[-1]}.",
            show_default="all",
            autocompletion=completing.words(*_STATES),
        ),
    ] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help=f"Only those that wait for approval: --state {_WAITING}.")
    ] = False,
    incident: Annotated[
        str | None, typer.Option(help="Of this incident.", show_default="all", autocompletion=completing.incidents)
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="On this target.", show_default="all", autocompletion=completing.targets)
    ] = None,
    limit: Limit = 20,
    is_whole: All = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List actions, newest first; `aether show ID` shows one."""
    if waiting and state not in (None, _WAITING):
        raise typer.BadParameter(f"--waiting is --state {_WAITING}: give one of them")
    filters = {"state": _WAITING if waiting else state, "incident_id": incident, "target": target}
    listing = _LISTING_THAT_WAITS if filters["state"] == _WAITING else _LISTING
    listing.show(filters, limit=limit, is_whole=is_whole, as_json=as_json, config=config, url=url, token=token)


@group.command(epilog=exit_codes.asking({0: "approved", 1: "not approved, or the agent refused"}))
def approve(
    id_: _Waiting,
    *,
    hash_: Annotated[
        str | None, typer.Option("--hash", help="Approve this plan hash only.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needs --hash.")] = False,
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show what would be done, to what, and approve exactly that. Needs a token with the scope approve."""
    from aetherlink.errors import SettingsError

    where = {"config": config, "url": url, "token": token}
    given = hash_ if yes else _confirmed(id_, hash_, as_json=as_json, **where)
    if not given:
        raise SettingsError("--yes needs --hash: what is approved has to be exactly what was shown")
    approved = _post(id_, "approve", {"plan_hash": given}, **where)
    _print(approved, _said(approved), as_json=as_json)


@group.command(epilog=exit_codes.asking())
def deny(
    id_: _Waiting,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say no to an action that waits for approval. Needs a token with the scope approve."""
    denied = _post(id_, "deny", {"reason": reason}, config=config, url=url, token=token)
    _print(denied, f"{denied.get('id')} is denied", as_json=as_json)


@group.command(epilog=exit_codes.asking())
def cancel(id_: _Waiting, config: Config = None, url: Url = None, token: Token = None, as_json: Json = False) -> None:
    """Take an action back that waits for approval."""
    cancelled = _post(id_, "cancel", None, config=config, url=url, token=token)
    _print(cancelled, f"{cancelled.get('id')} is taken back", as_json=as_json)


@group.command(epilog=exit_codes.asking())
def wrong(
    id_: _Id,
    *,
    reason: Annotated[str, typer.Option(help="What was wrong, for the record.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say that an action was wrong: its playbook keeps off its target, and asks before it acts elsewhere."""
    marked = _post(id_, "wrong", {"reason": reason}, config=config, url=url, token=token)
    said = marked.get("wrong") or {}
    _print(marked, f"{marked.get('id')} was wrong, says {said.get('by')}: {said.get('reason')}", as_json=as_json)


@group.command(epilog=exit_codes.asking({0: "accepted", 1: "not accepted, or the agent refused"}))
def undo(
    id_: _Id,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    config: Config = None,
    url: Url = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask to undo what an action did; policy decides."""
    from aetherlink.cli.printing import print_requested

    print_requested(_post(id_, "undo", {"reason": reason}, config=config, url=url, token=token), as_json=as_json)


def _confirmed(id_: str, wanted: str | None, *, as_json: bool, **where: Any) -> str:
    """The hash of what a person has looked at and said yes to. Exits 1 after a no."""
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk
    from aetherlink.cli.printing import say
    from aetherlink.errors import AnswerError, ConflictError, SettingsError
    from aetherlink.model.approvals import hash_of

    if as_json or not sys.stdin.isatty():
        raise SettingsError("there is nobody to ask: look at it with `aether show`, then use --yes with --hash")
    action = talk(lambda agent: lookups.action(agent, id_), **where)
    shown = action.get("approval") or {}
    found = str(shown.get("plan_hash") or "")
    if action.get("state") != _WAITING or not found:
        raise ConflictError(f"action {id_} is {action.get('state')}: there is nothing to approve now")
    if wanted not in (None, found):
        raise ConflictError(f"action {id_} drifted: it is {found} now; look at it again")
    if found != hash_of(shown.get("shown") or {}):
        raise AnswerError(f"what the agent shows of action {id_} is not what its hash stands for: nothing is approved")
    _show(action, shown)
    if not typer.confirm("Approve exactly this?"):
        say("not approved")
        raise typer.Exit(exit_codes.FAILED)
    return found


def _show(action: Mapping[str, Any], approval: Mapping[str, Any]) -> None:
    """Everything that is approved, with ids and names as they are, and who asked for it."""
    from aetherlink.cli.printing import print_table
    from aetherlink.lib.flattening import flat

    asked = {
        "action": action.get("id"),
        "incident": action.get("incident_id"),
        "asked for by": action.get("requested_by"),
        "reason": action.get("reason"),
        "why it is asked": f"{action.get('decision_reason')} ({action.get('rule')})",
        **dict(flat(approval.get("shown") or {})),
        "said yes so far": ", ".join(str(grant.get("by")) for grant in approval.get("grants") or []) or "nobody",
        "people needed": approval.get("needed"),
        "expires": approval.get("expires_at"),
        "hash": approval.get("plan_hash"),
    }
    print_table(("", Words("")), [(name, value) for name, value in asked.items() if value is not None], none="")


def _said(action: Mapping[str, Any]) -> str:
    approval = action.get("approval") or {}
    grants, needed = len(approval.get("grants") or []), approval.get("needed") or 1
    more = "" if grants >= needed else f": {needed - grants} more of {needed} people have to approve it too"
    return f"{action.get('id')} is approved{more}"


def _post(id_: str, what: str, body: Mapping[str, str] | None, **where: Any) -> Mapping[str, Any]:
    from aetherlink.cli import lookups
    from aetherlink.cli.connection import talk

    async def posted(agent: "AgentClient") -> Mapping[str, Any]:
        whole = await lookups.whole_id(agent, id_)
        return await agent.ask("POST", f"/api/v1/actions/{quote(whole, safe='')}/{what}", body)

    return talk(posted, **where)


def _print(answer: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    from aetherlink.cli.printing import print_json, print_line

    if as_json:
        print_json(answer)
    else:
        print_line(words)
