"""What happens to containers, as Docker or a proxy before it tells: followed as it comes, or asked of the past.

Changes nothing. What is followed may be cut off, may lie and may lack lines: nothing follows from what it does not say.
An answer about the past is whole, or an error.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from aetherlink.clients.exchange import UNREADABLE_JSON, Exchange
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import AnswerError, RejectedError

SILENCE = timedelta(seconds=60)
"""After which a stream is asked for anew: it may be that nothing happens, and that nothing arrives."""

_LIFE = timedelta(minutes=10)  # of one stream, whatever comes: proxies end them, and so does this side
_STREAM_BYTES = 2 * 1024 * 1024  # then it is asked for anew
_ANSWER_BYTES = 8 * 1024 * 1024
_NAP_SECONDS, _NAP_BYTES, _NAP_PIECES = 0.01, 64 * 1024, 64  # a flood leaves the others room
_LINE_BYTES = 256 * 1024  # each carries all labels of its container
_OPTIONS = ClientOptions(deadline=timedelta(seconds=15), in_flight=4, max_bytes=_ANSWER_BYTES)
_ACTIONS = ("kill", "die", "stop", "destroy")  # those of health checks are left out by the daemon
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9a-f]{64}")
_EVER = "1"  # a second after the beginning of time: proxies may take 0 for nothing


@dataclass(frozen=True, slots=True)
class Happening:
    """`kill`, `die`, `stop` or `destroy` of the container with this id, by the daemon's clock."""

    container: str
    action: str
    at: datetime


class _Actor(msgspec.Struct, rename="pascal"):
    id: str = msgspec.field(name="ID")


class _Event(msgspec.Struct):
    kind: str = msgspec.field(name="Type")
    action: str = msgspec.field(name="Action")
    actor: _Actor = msgspec.field(name="Actor")
    nanoseconds: int = msgspec.field(name="timeNano")


_EVENT = msgspec.json.Decoder(_Event)


class DockerEvents:
    """Of what listens at `unix:///path` or `tcp://host:port`. Does no I/O before it is asked."""

    def __init__(self, host: str) -> None:
        is_socket = host.startswith("unix://")
        url = "http://docker" if is_socket else f"http://{host.removeprefix('tcp://')}"
        socket = Path(host.removeprefix("unix://")) if is_socket else None
        self._exchange = Exchange("Docker", url, options=_OPTIONS, socket=socket)

    @asynccontextmanager
    async def followed(self, since: datetime | None) -> AsyncIterator[AsyncIterator[Happening]]:
        """What happens, and what has happened since, as far as the daemon remembers; None: all that it remembers.

        Inside, the daemon listens. It ends with the stream, after a silence of a minute, and after ten. Raises
        RejectedError where it is not let through, UnreachableError or AnswerError.
        """
        path = _path(_EVER if since is None else _unix(since))
        async with self._exchange.follow(path, silence=SILENCE, lasts=_LIFE + 2 * SILENCE) as (status, pieces):
            _check(status)
            yield _happenings(pieces)

    async def between(self, since: datetime, until: datetime) -> list[Happening]:
        """All that the daemon remembers of this time, which may end in a moment: then it is waited for.

        Raises RejectedError, UnreachableError or AnswerError.
        """
        answer = await self._exchange.ask("GET", _path(_unix(since), _unix(until)))
        _check(answer.status)
        told = [_read(line) for line in answer.body.splitlines() if line.strip()]
        return [one for one in told if one is not None]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()


class _Lines:
    """Pieces made lines. One that is too long is passed over, for its container has the labels that it has."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_passing_over = False

    @property
    def is_within_one(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._rest) or self._is_passing_over

    def of(self, piece: bytes) -> list[bytes]:
        """Those that end in this piece."""
        *ended, begun = piece.split(b"\n")
        lines = []
        for part in ended:
            line = bytes(self._rest) + part
            if not self._is_passing_over and len(line) <= _LINE_BYTES:
                lines.append(line)
            self._rest.clear()
            self._is_passing_over = False
        self._rest += begun
        if len(self._rest) > _LINE_BYTES:
            self._rest.clear()
            self._is_passing_over = True
        return lines


async def _happenings(pieces: AsyncIterator[bytes]) -> AsyncIterator[Happening]:
    """A line that cannot be read is passed over: whoever follows concludes nothing from what is not there."""
    lines, now = _Lines(), asyncio.get_running_loop().time
    began = line_began = now()
    size = 0
    async for piece in _calmed(pieces):
        ended = lines.of(piece)
        for line in ended:
            if (one := _tried(line)) is not None:
                yield one
        size += len(piece)
        line_began = now() if ended else line_began
        if lines.is_within_one and now() - line_began > SILENCE.total_seconds():
            raise AnswerError("Docker's events: a line does not end")
        if size > _STREAM_BYTES or now() - began > _LIFE.total_seconds():
            return


async def _calmed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, with a nap where they come without end."""
    size = count = 0
    async for piece in pieces:
        yield piece
        size, count = size + len(piece), count + 1
        if size >= _NAP_BYTES or count >= _NAP_PIECES:
            size = count = 0
            await asyncio.sleep(_NAP_SECONDS)


def _tried(line: bytes) -> Happening | None:
    try:
        return _read(line)
    except AnswerError:
        return None


def _read(line: bytes) -> Happening | None:
    """None for what is not about containers, or not asked for. Raises AnswerError."""
    try:
        event = _EVENT.decode(line)
        at = _EPOCH + timedelta(microseconds=event.nanoseconds // 1000)
    except (*UNREADABLE_JSON, OverflowError) as problem:
        raise AnswerError(f"Docker told of events in a form that cannot be read: {problem}") from problem
    if event.kind != "container" or event.action not in _ACTIONS:
        return None
    if not _ID.fullmatch(event.actor.id):
        raise AnswerError(f"Docker told of a container {event.actor.id[:80]!r}, which is no id")
    return Happening(event.actor.id, event.action, at)


def _path(since: str, until: str = "") -> str:
    asked = {"since": since, "filters": json.dumps({"event": _ACTIONS})}
    return "/events?" + urlencode(asked | ({"until": until} if until else {}))


def _unix(instant: datetime) -> str:
    microseconds = max((instant - _EPOCH) // timedelta(microseconds=1), 0)
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"


def _check(status: int) -> None:
    if 400 <= status < 500:
        raise RejectedError(f"they are not let through: the answer is {status}", status=status)
    if status != 200:
        raise AnswerError(f"the answer is {status}")
