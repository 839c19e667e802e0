"""Socket Mode: Slack tells of the buttons through a socket that the agent opens, again and again while it runs.

Each envelope is acknowledged once what it says is done, or two seconds are over; told again it changes nothing.
"""

import logging
import ssl
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from aetherlink.clients.slack import SlackAnswer, SlackClient
from aetherlink.clients.websocket import WebSocket
from aetherlink.errors import AetherError, AnswerError, BadRequestError, OverloadedError
from aetherlink.lib.periodic import Periodic
from aetherlink.lib.retry_after import seconds_until
from aetherlink.ports import Clock
from aetherlink.slackdoor.answering import Room
from aetherlink.slackdoor.door import SlackDoor

_log = logging.getLogger("aetherlink.slackdoor")

_DEADLINE = timedelta(seconds=10)
_PATIENCE = timedelta(seconds=20)  # without a word, then a ping, then as long again
_SHORTEST_REST = 1.0
_LONGEST_REST = 60.0
_LONGEST_ASKED_FOR = 600.0


class _Envelope(msgspec.Struct):
    type: str = ""
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_decode = msgspec.json.Decoder(_Envelope).decode


class Listening:
    """The socket of one app, which may be in several channels. `start` and `stop` bound its life."""

    def __init__(self, client: SlackClient, rooms: Sequence[Room], door: SlackDoor, clock: Clock) -> None:
        self._client = client
        self._rooms = rooms
        self._door = door
        self._clock = clock
        self._tls = ssl.create_default_context()
        self._failures = 0
        self._problem = ""
        names = ", ".join(room.name for room in rooms)
        self._name = f"socket of channel {names}"
        self._loop = Periodic(self._name, self.session, every=_DEADLINE, log=_log)

    @property
    def problem(self) -> str:
        """Why no button is heard now; empty while they are."""
        return self._problem

    def start(self) -> None:
        """Start listening."""
        self._loop.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._loop.stop()

    async def session(self) -> timedelta:
        """One socket from its opening to its end; how long to wait for the next."""
        try:
            answer = await self._client.open_socket(deadline=_DEADLINE)
            if answer.error:
                return self._not_opened(answer)
            await self._listen(_address(answer))
        except AetherError as problem:
            return self._failed(str(problem))
        return timedelta(seconds=_SHORTEST_REST)

    def _not_opened(self, answer: SlackAnswer) -> timedelta:
        asked_for = seconds_until(answer.retry_after, self._clock.now()) or 0.0
        rest = self._failed(f"apps.connections.open answered {answer.error}")
        return max(rest, timedelta(seconds=min(asked_for, _LONGEST_ASKED_FOR)))

    def _failed(self, problem: str) -> timedelta:
        if problem != self._problem:
            _log.warning("%s: no button is heard: %s", self._name, problem)
        self._problem = problem
        rest = min(_SHORTEST_REST * 2.0**self._failures, _LONGEST_REST)
        self._failures = min(self._failures + 1, 10)
        return timedelta(seconds=rest)

    async def _listen(self, url: str) -> None:
        socket = await WebSocket.opened(url, tls=self._tls, deadline=_DEADLINE, patience=_PATIENCE)
        try:
            while (text := await socket.text()) is not None:
                if not await self._heard(socket, text):
                    return
        finally:
            await socket.aclose()

    async def _heard(self, socket: WebSocket, text: str) -> bool:
        """Whether the socket stays. Raises AetherError."""
        try:
            envelope = _decode(text)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise AnswerError("the socket told something that is not Slack's") from problem
        if envelope.type == "hello":
            self._well()
        if envelope.type == "disconnect":
            return False  # Slack wants the socket anew, as it does every few hours
        if envelope.envelope_id:
            if envelope.type == "interactive":
                await self._click(bytes(envelope.payload))
            await socket.send(msgspec.json.encode({"envelope_id": envelope.envelope_id}).decode())
        return True

    async def _click(self, payload: bytes) -> None:
        try:
            await self._door.hear(payload, self._rooms)
        except (BadRequestError, OverloadedError) as refusal:
            _log.warning("%s: %s", self._name, refusal)

    def _well(self) -> None:
        if self._problem:
            _log.info("%s: buttons are heard again", self._name)
        self._problem, self._failures = "", 0


def _address(answer: SlackAnswer) -> str:
    """Where the socket is: good once, for a moment, and not to be shown. Raises AnswerError."""
    url = answer.body.get("url")
    if not isinstance(url, str):
        raise AnswerError("apps.connections.open answered without an address")
    return url
