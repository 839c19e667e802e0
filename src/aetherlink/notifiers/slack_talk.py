"""One attempt to tell a channel something: its calls, all within one deadline, their answers judged."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aetherlink.clients.slack import SlackAnswer, SlackClient
from aetherlink.errors import AnswerError, UndeliveredError, UnreachableError
from aetherlink.model.deliveries import Failure
from aetherlink.notifiers import slack_answers, statuses
from aetherlink.notifiers.slack_blocks import Block
from aetherlink.notifiers.slack_search import PAGE, Mark, marked, next_page

_POST = "chat.postMessage"
_UPDATE = "chat.update"
_MOST_PAGES = 10
_SKEW = timedelta(hours=1)  # between Slack's clock and the agent's
_LATE = 3.0  # seconds: what was cut off may be carried out a moment later, and is looked for only then
_AS_IT_IS = {"parse": "none", "link_names": False}
_PLAIN = {**_AS_IT_IS, "unfurl_links": False, "unfurl_media": False, "mrkdwn": False}


@dataclass(frozen=True, slots=True)
class Posting:
    """What a message says; `bare` in the simplest form, for when Slack does not take the other."""

    mark: Mark
    text: str
    blocks: Sequence[Block]
    bare: Sequence[Block]

    @property
    def body(self) -> Mapping[str, object]:
        """In Slack's form."""
        return {"text": self.text, "blocks": list(self.blocks), "metadata": self.mark.metadata}

    @property
    def simplest(self) -> "Posting":
        """The same in the simplest form."""
        return replace(self, blocks=self.bare)


class Spacing:
    """The least time between two new messages of one channel, in seconds: Slack allows about one a second."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = float("-inf")

    async def turn(self, most: float) -> None:
        """Wait for it, but no longer than `most` seconds."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(min(max(self._free_at - now, 0.0), most))
        self._free_at = asyncio.get_running_loop().time() + self._seconds


class Talk:
    """Every method raises UndeliveredError. `at` None: a Retry-After that is a date cannot be read."""

    def __init__(self, client: SlackClient, spacing: Spacing, *, at: datetime | None, deadline: timedelta) -> None:
        self._client = client
        self._spacing = spacing
        self._at = at
        self._most_rest = deadline.total_seconds() / 4
        self._ends = asyncio.get_running_loop().time() + deadline.total_seconds()

    async def post(self, posting: Posting, *, thread: str = "", is_broadcast: bool = False) -> str:
        """A new message, or a reply in a thread, shown in the channel too where it is a broadcast; its ts."""
        await self._spacing.turn(self._most_rest)
        extra: dict[str, object] = {"thread_ts": thread, "reply_broadcast": is_broadcast} if thread else {}
        answer = await self._written(_POST, posting, {**_PLAIN, **extra})
        slack_answers.check(answer, _POST, self._at)
        ts = answer.body.get("ts")
        if not isinstance(ts, str) or not ts:
            raise UndeliveredError(f"{_POST} answered without a ts", failure=Failure.SERVER, is_unsure=True)
        return ts

    async def update(self, posting: Posting, ts: str) -> bool:
        """Let the message say this; False where it is there no more, or can be changed no more."""
        answer = await self._written(_UPDATE, posting, {**_AS_IT_IS, "ts": ts})
        if answer.error in slack_answers.GONE:
            return False
        slack_answers.check(answer, _UPDATE, self._at)
        return True

    async def read(self, method: str, asked: Mapping[str, object]) -> SlackAnswer:
        """Ask for something."""
        try:
            answer = await self._client.read(method, asked, deadline=self._left(method))
        except (UnreachableError, AnswerError) as problem:
            raise UndeliveredError(str(problem), failure=Failure.UNREACHABLE) from problem
        slack_answers.check(answer, method, self._at)
        return answer

    async def root(self, mark: Mark, since: datetime, *, bot: str, other_than: str) -> str:
        """The ts of the message with this mark, the first of several; empty where there is none."""
        asked = {"oldest": f"{(since - _SKEW).timestamp():.6f}"}
        pages = self._pages("conversations.history", asked)
        found = [str(one["ts"]) async for page in pages for one in marked(page, mark, bot)]
        return min((ts for ts in found if ts != other_than), default="")

    async def replies(self, mark: Mark, thread: str, since: str, *, bot: str) -> list[Mapping[str, Any]]:
        """The replies in a thread with this mark, from this ts on."""
        pages = self._pages("conversations.replies", {"ts": thread, "oldest": since, "inclusive": True})
        return [one async for page in pages for one in marked(page, mark, bot)]

    async def _pages(self, method: str, asked: Mapping[str, object]) -> AsyncIterator[Mapping[str, Any]]:
        body = {"channel": self._client.channel, "limit": PAGE, "include_all_metadata": True, **asked}
        for _ in range(_MOST_PAGES):
            answer = await self.read(method, body)
            yield answer.body
            cursor = next_page(answer.body)
            if not cursor:
                return
            body["cursor"] = cursor

    async def _written(self, method: str, posting: Posting, extra: Mapping[str, object]) -> SlackAnswer:
        """Slack's answer, once more for the simplest form where it does not take the other."""
        answer = await self._write(method, posting, extra)
        if answer.error in slack_answers.MALFORMED:
            return await self._write(method, posting.simplest, extra)
        return answer

    async def _write(self, method: str, posting: Posting, extra: Mapping[str, object]) -> SlackAnswer:
        body = {"channel": self._client.channel, **posting.body, **extra}
        try:
            return await self._client.write(method, body, deadline=self._left(method))
        except UnreachableError as problem:
            undelivered = statuses.undelivered(problem)
            undelivered.wait = _LATE if undelivered.is_unsure else None
            raise undelivered from problem
        except AnswerError as problem:
            raise UndeliveredError(str(problem), failure=Failure.SERVER, is_unsure=True) from problem

    def _left(self, method: str) -> timedelta:
        left = self._ends - asyncio.get_running_loop().time()
        if left <= 0:
            raise UndeliveredError(f"{method}: no time was left for it", failure=Failure.DEADLINE)
        return timedelta(seconds=left)
