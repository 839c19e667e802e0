"""The agent's stream as a command hears it: cut off, it comes back with the last number that it has."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aetherlink.clients.agent import AgentClient
from aetherlink.errors import AnswerError, UnreachableError

_LONGEST_EVENT = 1024 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its kind, its data, and the number to go on from; None: it has none."""

    kind: str
    data: Mapping[str, Any]
    number: int | None = None


async def followed(agent: AgentClient, *, lost: Callable[[str], None]) -> AsyncIterator[Told]:
    """Everything from now on, without an end, over restarts of the agent; `lost` is told why it is away.

    Raises what AgentClient.ask raises; where it cannot be reached only if it never could.
    """
    after, pause, was_there = None, _FIRST_PAUSE, False
    while True:
        try:
            async with agent.follow("/api/v1/stream" + ("" if after is None else f"?after={after}")) as pieces:
                async for told in events(pieces):
                    was_there, pause = True, _FIRST_PAUSE
                    after = after if told.number is None else told.number
                    yield told
            lost("the stream has ended")
        except UnreachableError as problem:
            if not was_there:
                raise
            lost(str(problem))
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, 2 * pause)


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[Told]:
    """Pieces made events. What has not come whole is no event. Raises AnswerError."""
    rest = b""
    async for piece in pieces:
        *blocks, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(rest) > _LONGEST_EVENT:
            raise AnswerError("the agent's stream has an event without an end: is this its address?")
        for block in blocks:
            if told := _event(block.decode("utf-8", "replace")):
                yield told


def _event(block: str) -> Told | None:
    fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
    if "data" not in fields:
        return None
    try:
        data = json.loads(fields["data"])
        number = int(fields["id"]) if "id" in fields else None
    except ValueError as problem:
        raise AnswerError(f"the agent's stream cannot be read ({problem}): is this its address?") from problem
    return Told(fields.get("event", "message"), data if isinstance(data, dict) else {}, number)
