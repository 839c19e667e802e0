"""Tells a channel of Slack: one message an incident, edited while it changes, with the timeline in its thread.

An edit calls nobody. So what a person has to hear, a request for approval, an escalation, an incident that is there
again, is shown in the channel too when its message is an older one. After an attempt of which nobody knows whether it
was heard, the channel is looked through before anything is said again.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aetherlink.clients.options import ClientOptions
from aetherlink.clients.slack import SlackClient
from aetherlink.clients.slack_options import SlackOptions
from aetherlink.errors import UndeliveredError
from aetherlink.model.deliveries import Digest, Failure, Letter
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import sayings, slack_message
from aetherlink.notifiers.opened import Opened
from aetherlink.notifiers.slack_blocks import context, header, mention
from aetherlink.notifiers.slack_message import CALLING
from aetherlink.notifiers.slack_search import DIGESTED, REPLIED, TOLD, Mark, through_of
from aetherlink.notifiers.slack_talk import Posting, Spacing, Talk
from aetherlink.notifiers.slack_text import one_line

SPACING = 1.0
"""Seconds between two new messages."""

_NOT_SHOWN = "Slack did not take the full message: `aether show` has it"
_CHANNEL, _TS, _THROUGH, _REPLY = "channel", "ts", "through", "reply"
_SCOPES = frozenset({"chat:write"})


def opened(settings: SlackOptions, clients: ClientOptions) -> Opened:  # noqa: ARG001 - the SDK has a client of its own
    """The notifier of one channel. Raises SettingsError."""
    client = SlackClient(settings)
    return Opened(SlackNotifier(client, has_buttons=settings.hears, mentions=settings.mentions), client.aclose)


class SlackNotifier:
    """See ports.Notifier. A reference holds channel and ts of the message, and how far the thread tells."""

    collapses = True

    def __init__(
        self, client: SlackClient, *, has_buttons: bool, mentions: Sequence[str] = (), spacing: float = SPACING
    ) -> None:
        self._client = client
        self._has_buttons = has_buttons
        self._mentions = mentions
        self._spacing = Spacing(spacing)
        self._bot = ""

    async def tell(self, letter: Letter, *, deadline: timedelta) -> Mapping[str, str]:
        """Post or edit the message, then reply with what is new."""
        talk = Talk(self._client, self._spacing, at=letter.at, deadline=deadline)
        known = self._known(letter.reference)
        ts = await self._shown(talk, self._posting(letter), known, letter)
        try:
            return await self._replied(talk, letter, known, ts)
        except UndeliveredError as problem:
            problem.is_unsure = problem.is_unsure or ts != known.get(_TS)  # it is there, and only Slack knows it
            raise

    async def sum_up(self, digest: Digest, *, deadline: timedelta) -> Mapping[str, str]:
        """Post or edit the message of a storm."""
        talk = Talk(self._client, self._spacing, at=digest.at, deadline=deadline)
        headline = sayings.digest_headline(digest)
        posting = Posting(
            Mark(DIGESTED, digest.id),
            slack_message.notice(headline),
            slack_message.digest_blocks(digest),
            [header(headline), context(_NOT_SHOWN)],
        )
        ts = await self._shown(talk, posting, self._known(digest.reference), digest)
        return {_CHANNEL: self._client.channel, _TS: ts}

    async def check(self, *, deadline: timedelta) -> str:
        """Whose token it is, that the app is in the channel, and may look through it."""
        talk = Talk(self._client, self._spacing, at=None, deadline=deadline)
        who = await talk.read("auth.test", {})
        lacking = sorted(_SCOPES - set(who.scopes.replace(" ", "").split(",")))
        if who.scopes and lacking:
            raise UndeliveredError(f"the app lacks the scope {', '.join(lacking)}", failure=Failure.AUTH)
        await talk.read("conversations.history", {"channel": self._client.channel, "limit": 1})
        bot, team = (one_line(str(who.body.get(key) or "?"), 100) for key in ("user", "team"))
        return f"the app {bot} of the workspace {team}, in the channel {self._client.channel}"

    def _known(self, reference: Mapping[str, str]) -> Mapping[str, str]:
        """Nothing where the settings name another channel by now: there it is new."""
        return reference if reference.get(_CHANNEL) == self._client.channel else {}

    def _posting(self, letter: Letter) -> Posting:
        headline = slack_message.headline(letter.incident)
        return Posting(
            Mark(TOLD, letter.incident.id),
            slack_message.notice(headline),
            slack_message.incident_blocks(letter, has_buttons=self._has_buttons),
            [header(headline), context(f"{letter.incident.id}: {_NOT_SHOWN}")],
        )

    async def _shown(self, talk: Talk, posting: Posting, known: Mapping[str, str], message: Letter | Digest) -> str:
        """The ts of the one message that says this now."""
        ts = known.get(_TS, "")
        if ts and await talk.update(posting, ts):
            return ts
        if message.is_unsure:
            since = message.incident.opened_at if isinstance(message, Letter) else message.began_at
            found = await talk.root(posting.mark, since, bot=await self._own_bot(talk), other_than=ts)
            if found and await talk.update(posting, found):
                return found
        return await talk.post(posting)

    async def _replied(self, talk: Talk, letter: Letter, known: Mapping[str, str], ts: str) -> Mapping[str, str]:
        """Tell the thread what it was not told yet; the reference."""
        through, reply = int(known.get(_THROUGH, "0")), known.get(_REPLY, ts) if ts == known.get(_TS) else ts
        mark = Mark(REPLIED, letter.incident.id)
        if letter.is_unsure:
            for one in await talk.replies(mark, ts, reply, bot=await self._own_bot(talk)):
                through, reply = max((through, reply), (through_of(one), str(one["ts"])))
        new = [one for one in letter.entries if one.sequence > through]
        if new:
            through, first = new[-1].sequence, new[0].sequence
            calls = self._calls(letter, first)
            posting = self._reply(letter, Mark(REPLIED, letter.incident.id, through), first - 1, calls=calls)
            reply = await talk.post(posting, thread=ts, is_broadcast=calls and ts == known.get(_TS))
        return {_CHANNEL: self._client.channel, _TS: ts, _THROUGH: str(through), _REPLY: reply}

    def _reply(self, letter: Letter, mark: Mark, after: int, *, calls: bool) -> Posting:
        called = [mention(self._mentions)] if calls and self._mentions else []
        blocks = slack_message.thread_blocks(letter, after)
        notice = slack_message.notice(slack_message.call(letter, after))
        return Posting(mark, notice, [*called, *blocks], [*called, context(_NOT_SHOWN)])

    def _calls(self, letter: Letter, first: int) -> bool:
        """Whether a person has to hear of it now."""
        calls = CALLING - {EventKind.REOPENED} if letter.incident.flaps(letter.at) else CALLING
        return any(one.sequence >= first for one in letter.entries_of(*calls))

    async def _own_bot(self, talk: Talk) -> str:
        """The id under which this app writes."""
        if not self._bot:
            said = (await talk.read("auth.test", {})).body.get("bot_id")
            if not isinstance(said, str) or not said:
                raise UndeliveredError("auth.test tells no bot_id: bot_token_file is no bot's", failure=Failure.AUTH)
            self._bot = said
        return self._bot
