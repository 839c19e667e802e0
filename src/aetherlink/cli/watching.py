"""The three faces of `aether watch`: JSON for programs, lines for files, a board for people."""

import asyncio
import json
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.live import Live

from aetherlink.cli import lookups
from aetherlink.cli.event_stream import Told, followed
from aetherlink.cli.printing import console, print_json_line, print_line, say
from aetherlink.cli.watch_board import Sight, board
from aetherlink.clients.agent import AgentClient
from aetherlink.errors import AnswerError, UnreachableError

_BREATH = 0.5  # seconds between two looks: an alert storm is no reason to ask for each of its entries
_ENTRIES = 20
_AGAIN = 5.0  # seconds until the board asks anew for what it could not get
_MOST = 50


async def as_json(agent: AgentClient) -> None:
    """One event a line."""
    async for told in followed(agent, lost=_say_lost):
        print_json_line({"event": told.kind, "id": told.number, "data": told.data})


async def as_lines(agent: AgentClient) -> None:
    """One line for each event, to be read by people and by grep."""
    async for told in followed(agent, lost=_say_lost):
        print_line(line_of(told))


async def as_board(agent: AgentClient) -> None:
    """The whole screen, painted anew whenever something happens, and when the screen has another size."""
    screen = console()
    sight, changed = Sight(entries=deque(maxlen=_ENTRIES)), asyncio.Event()
    with Live(board(sight, screen.size), console=screen, screen=True, auto_refresh=False) as live, _resizing(changed):
        hearing = asyncio.create_task(_hear(agent, sight, changed))
        hearing.add_done_callback(lambda _: changed.set())
        try:
            while not hearing.done():
                await changed.wait()
                changed.clear()
                live.update(board(sight, screen.size), refresh=True)  # before asking, which may take seconds
                await _look(agent, sight, changed)
                live.update(board(sight, screen.size), refresh=True)
                await asyncio.sleep(_BREATH)
            hearing.result()
        finally:
            hearing.cancel()


@contextmanager
def _resizing(changed: asyncio.Event) -> Iterator[None]:
    """Sets the event whenever the terminal has another size, where the system tells."""
    told = getattr(signal, "SIGWINCH", None)
    if told is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(told, changed.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(told)


def line_of(told: Told) -> str:
    """An event in one line."""
    data = told.data
    match told.kind:
        case "entry":
            return f"{data.get('at')} {data.get('incident_id')} {data.get('kind')}: {data.get('text')}"
        case "health":
            score = data.get("score")
            shown = "none" if score is None else f"{score:.1f}"
            return f"{data.get('at') or '-'} health score {shown} ({data.get('status') or 'not checked yet'})"
        case "reset":
            return "more was missed than the agent tells again: `aether incidents` shows what is open now"
        case "state":
            return f"- agent: {standing(data)}"
        case _:
            return f"- {told.kind}: {json.dumps(data)}"


def standing(state: Mapping[str, Any]) -> str:
    """How the agent stands, in words."""
    paused, blind, unready = state.get("paused") or [], state.get("blind") or [], state.get("unready") or []
    found = [
        *([f"paused ({', '.join(map(str, paused))})"] if paused else []),
        *([f"blind for {', '.join(map(str, blind))}"] if blind else []),
        *map(str, unready),
    ]
    return "; ".join(found) or "well"


def _say_lost(why: str) -> None:
    say(f"aether: {why}; trying again")


async def _hear(agent: AgentClient, sight: Sight, changed: asyncio.Event) -> None:
    def lost(why: str) -> None:
        sight.lost = why
        changed.set()

    async for told in followed(agent, lost=lost):
        sight.lost = ""
        match told.kind:
            case "entry":
                sight.entries.appendleft(told.data)
            case "health":
                sight.health = told.data
            case "state":
                sight.standing = standing(told.data)
        changed.set()


async def _look(agent: AgentClient, sight: Sight, changed: asyncio.Event) -> None:
    """What is open and what waits, as stored. What cannot be asked now stays as it was, and is asked for again."""
    try:
        found = await lookups.listed(agent, "/api/v1/incidents", {"status": "open"}, limit=_MOST)
        waiting = await lookups.listed(agent, "/api/v1/actions", {"state": "waiting_approval"}, limit=_MOST)
        paused = await agent.ask("GET", "/api/v1/pause")
    except (UnreachableError, AnswerError) as problem:
        sight.stale = str(problem)
        asyncio.get_running_loop().call_later(_AGAIN, changed.set)
        return
    sight.stale = ""
    sight.incidents, sight.waiting = found["items"], waiting["items"]
    sight.paused = bool(paused.get("paused"))
