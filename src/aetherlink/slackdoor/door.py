"""The door itself: lets in what Slack signed or sent through a socket, once, a few at a time, and answers in time."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qs

from aetherlink.errors import BadRequestError, NotFoundError, OverloadedError
from aetherlink.ports import Clock
from aetherlink.slackdoor.answering import Answering, Room
from aetherlink.slackdoor.clicks import LARGEST, click_of
from aetherlink.slackdoor.once import Once
from aetherlink.slackdoor.signatures import Signatures

_log = logging.getLogger("aetherlink.slackdoor")

ANSWERED_WITHIN = 2.0
"""Seconds: Slack waits for three."""

_AT_ONCE = 20
_AGAIN_WITHIN = 3600.0  # seconds in which Slack may tell of one press again
_FORM_BYTES = 4 * LARGEST  # escaped


class SlackDoor:
    """See ports.SignedDoor. `stop` lets what has begun come to its end."""

    def __init__(self, rooms: Sequence[Room], answering: Answering, clock: Clock) -> None:
        self._rooms = {room.name: room for room in rooms}
        self._secrets = {room.name: room.secrets for room in rooms if room.secrets}
        self._answering = answering
        self._clock = clock
        self._signatures = Signatures(clock)
        self._clicks = Once(lasts=_AGAIN_WITHIN)
        self._running: set[asyncio.Task[None]] = set()

    async def take(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """See ports.SignedDoor."""
        if not self._secrets:
            raise NotFoundError("no channel of Slack has a signing secret here: set signing_secret_file")
        if len(body) > _FORM_BYTES:
            raise BadRequestError(f"an interaction may have {_FORM_BYTES} bytes at most")
        names = self._signatures.admit(_collected(headers), body, self._secrets)
        await self.hear(_payload(body), [self._rooms[name] for name in names])

    async def hear(self, payload: bytes, rooms: Sequence[Room]) -> None:
        """Do what an interaction in one of these rooms says; back in time for Slack, done or not.

        Raises BadRequestError, OverloadedError.
        """
        click = click_of(payload)
        if click is None:
            return
        own = [room for room in rooms if room.channel == click.channel]
        if not own:
            raise BadRequestError(f"no channel of the settings is {click.channel[:40]!r}")
        room = next((one for one in own if click.user in one.users), own[0])
        if len(self._running) >= _AT_ONCE:
            raise OverloadedError("too many buttons are pressed at once: press again in a moment")
        if click.user in room.users and not self._clicks.is_first(click.key, self._clock.monotonic()):
            return
        task = asyncio.create_task(self._answering.answer(click, room), name=f"slack {click.value.action_id}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait([task], timeout=ANSWERED_WITHIN)

    async def stop(self) -> None:
        """Wait a moment for what has begun, then cut it off."""
        if self._running:
            await asyncio.wait(self._running, timeout=ANSWERED_WITHIN)
        for task in tuple(self._running):
            task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=problem)


def _collected(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, Sequence[str]]:
    found = defaultdict[str, list[str]](list)
    for name, value in headers:
        found[name.decode("latin-1").lower()].append(value.decode("latin-1"))
    return found


def _payload(body: bytes) -> bytes:
    """The one field of Slack's form. Raises BadRequestError."""
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=4)
    except ValueError as problem:
        raise BadRequestError("the body is not a form of Slack's") from problem
    values = fields.get("payload", [])
    if len(values) != 1:
        raise BadRequestError("the form has no single field `payload`")
    return values[0].encode("utf-8", "replace")
