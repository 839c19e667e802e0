"""What `aether watch` hears and shows: nothing twice, no line wider than the screen, no foreign codes."""

import asyncio
import io
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rich.console import Console, ConsoleDimensions

from aetherlink.cli import event_stream, lookups, watching
from aetherlink.cli.event_stream import Told, events, followed
from aetherlink.cli.watch_board import Sight, board
from aetherlink.cli.watching import line_of, standing
from aetherlink.errors import AnswerError, NotSentError


async def _pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


class _Agent:
    """Answers with one script after another, and remembers what it was asked."""

    def __init__(self, *scripts: list[bytes] | Exception) -> None:
        self.asked: list[str] = []
        self._scripts = list(scripts)

    @asynccontextmanager
    async def follow(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(path)
        script = self._scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        yield _pieces(*script)


def _entry(number: int) -> bytes:
    return b'id: %d\nevent: entry\ndata: {"number":%d}\n\n' % (number, number)


async def test_pieces_are_cut_anywhere_and_what_is_not_whole_is_no_event() -> None:
    whole = (
        b"retry: 2000\n\n" + _entry(7) + b": still here\n\n" + b'event: health\ndata: {"score":1}\n\nid: 8\nevent: en'
    )
    found = [told async for told in events(_pieces(*(whole[at : at + 1] for at in range(len(whole)))))]

    assert found == [Told("entry", {"number": 7}, 7), Told("health", {"score": 1})]


async def test_what_is_no_stream_is_an_error() -> None:
    for piece in (b"data: <html>\n\n", b"x" * 2_000_000):
        with pytest.raises(AnswerError, match="is this its address"):
            [told async for told in events(_pieces(piece))]


async def test_it_comes_back_with_its_last_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_FIRST_PAUSE", 0.0)
    lost: list[str] = []
    agent: Any = _Agent([_entry(4), _entry(5)], NotSentError("gone"), [_entry(6)], AnswerError("the end of the test"))
    stream = followed(agent, lost=lost.append)
    heard = [(await anext(stream)).number for _ in range(3)]
    with pytest.raises(AnswerError):
        await anext(stream)

    assert heard == [4, 5, 6]
    assert agent.asked == ["/api/v1/stream", *["/api/v1/stream?after=5"] * 2, "/api/v1/stream?after=6"]
    assert lost == ["the stream has ended", "gone", "the stream has ended"]


async def test_an_agent_that_was_never_there_is_out_of_reach() -> None:
    agent: Any = _Agent(NotSentError("nobody listens"))
    with pytest.raises(NotSentError):
        await anext(followed(agent, lost=lambda _: None))


def _painted(sight: Sight, width: int, height: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    screen.print(board(sight, ConsoleDimensions(width, height)))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(40, 15), (80, 24), (160, 50)])
def test_the_board_fits_and_obeys_nobody(width: int, height: int) -> None:
    incidents = [
        {"id": f"inc-{each}", "severity": "warning", "stage": "watch", "title": "\x1b[31m[red]" + "x" * 200}
        for each in range(80)
    ]
    urgent = {"id": "inc-worst", "severity": "critical", "stage": "plan", "title": "down", "vip": True}
    sight = Sight(incidents=[*incidents, urgent], waiting=[{"id": "act-1", "verb": "restart", "target": "crm-api"}])
    sight.entries = deque({"at": "2026-01-01T12:00:00", "text": "y\x07" * 300} for _ in range(30))
    lines = _painted(sight, width, height)

    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    assert "\x1b" not in "".join(lines)
    assert "\x07" not in "".join(lines)
    assert any("aether approve act-1" in line for line in lines)
    assert next(line for line in lines if "inc-" in line).startswith("inc-worst")


def test_lines_say_what_happened() -> None:
    entry = {"at": "T", "incident_id": "inc-1", "kind": "note", "text": "hello"}
    assert line_of(Told("entry", entry, 1)) == "T inc-1 note: hello"
    assert line_of(Told("health", {"at": "T", "score": 41.25, "status": "low"})) == "T health score 41.2 (low)"
    assert line_of(Told("state", {"paused": ["all"], "blind": ["lab"]})) == ("- agent: paused (all); blind for lab")
    assert standing({"paused": [], "blind": [], "unready": []}) == "well"


async def test_a_board_that_could_not_ask_says_so_and_asks_again_without_an_event(monkeypatch) -> None:
    monkeypatch.setattr(watching, "_AGAIN", 0.0)
    answers: list[Any] = [NotSentError("away"), {"items": [{"id": "inc-1"}]}, {"items": []}]

    async def listed(*_: object, **__: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Agent:
        async def ask(self, *_: object) -> dict[str, bool]:
            return {"paused": False}

    monkeypatch.setattr(lookups, "listed", listed)
    sight, changed = Sight(), asyncio.Event()
    await watching._look(Agent(), sight, changed)
    assert sight.stale == "away"
    await asyncio.wait_for(changed.wait(), 10)
    await watching._look(Agent(), sight, changed)
    assert (sight.stale, len(sight.incidents)) == ("", 1)


class _Board:
    """`aether watch` painted on a screen in memory, fed by an agent with a script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *scripts: list[bytes] | Exception, waits: bool = False) -> None:
        self.screen = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None)
        self.agent = _Agent(*scripts)
        self.waits = waits
        monkeypatch.setattr(watching, "console", lambda: self.screen)
        monkeypatch.setattr(watching, "_BREATH", 0.0)
        monkeypatch.setattr(event_stream, "_FIRST_PAUSE", 0.02)

    @property
    def painted(self) -> str:
        assert isinstance(self.screen.file, io.StringIO)
        return self.screen.file.getvalue()

    @asynccontextmanager
    async def follow(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.agent.follow(path) as pieces:
            yield pieces
            if self.waits:
                await asyncio.Event().wait()

    async def ask(self, _: str, path: str) -> dict[str, Any]:
        incidents = [{"id": "inc-1", "severity": "critical", "stage": "plan", "title": "down"}]
        return {"paused": False} if path.endswith("pause") else {"items": incidents if "incidents" in path else []}

    async def until(self, words: str, *, behind: int = 0) -> None:
        async with asyncio.timeout(20):
            while words not in self.painted[behind:]:  # noqa: ASYNC110 - a screen in memory tells nobody
                await asyncio.sleep(0.005)


_NOT_REACHED = "NOT REACHED, trying again: gone"


async def test_the_board_says_that_the_agent_is_away_and_goes_on_where_it_was(monkeypatch) -> None:
    board_ = _Board(monkeypatch, [_told(1)], NotSentError("gone"), [_told(2)], AnswerError("the end of the test"))
    with pytest.raises(AnswerError, match="the end of the test"):
        await watching.as_board(board_)  # type: ignore[arg-type]  # a scripted agent

    painted = board_.painted
    assert painted.index("heard 1") < painted.index(_NOT_REACHED) < painted.index("heard 2")
    assert board_.agent.asked[-1] == "/api/v1/stream?after=2"
    assert _given_back(painted)


async def test_the_board_takes_the_size_that_the_screen_gets_without_an_event(monkeypatch) -> None:
    board_ = _Board(monkeypatch, [_told(1)], waits=True)
    painting = asyncio.create_task(watching.as_board(board_))  # type: ignore[arg-type]  # a scripted agent
    await board_.until("inc-1")
    await board_.until("heard 1")
    before = len(board_.painted)
    board_.screen.width, board_.screen.height = 30, 12
    os.kill(os.getpid(), signal.SIGWINCH)
    await board_.until("  a…", behind=before)
    painting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await painting

    lines = board_.painted[board_.painted.rindex("health -") :].split("\n")
    assert len(lines) == 12
    assert max(len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)) for line in lines) <= 30
    assert _given_back(board_.painted)
    assert signal.getsignal(signal.SIGWINCH) in (signal.SIG_DFL, None)


async def test_an_answer_that_cannot_be_used_is_no_end_of_the_board(monkeypatch) -> None:
    async def ask(*_: object) -> None:
        raise AnswerError("broke")

    board_ = _Board(monkeypatch, [_told(1)], waits=True)
    monkeypatch.setattr(board_, "ask", ask)
    painting = asyncio.create_task(watching.as_board(board_))  # type: ignore[arg-type]  # a scripted agent
    await board_.until("trying again: broke")
    painting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await painting


def _told(number: int) -> bytes:
    return b'id: %d\nevent: entry\ndata: {"number":%d,"text":"heard %d","at":"2026-01-01T12:00:00Z"}\n\n' % (
        (number,) * 3
    )


def _given_back(painted: str) -> bool:
    """Whether the screen and its cursor were given back, at the end."""
    last = painted.rindex("Newest")
    return painted.find("\x1b[?1049l", last) > 0 and painted.find("\x1b[?25h", last) > 0
