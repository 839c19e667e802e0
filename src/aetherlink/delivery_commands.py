"""What people do with what is told: have a dead letter told again, and test a channel.

Each leaves an entry in a timeline of the agent's own (see agent_record).
"""

from dataclasses import replace

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.errors import ConflictError, NotFoundError
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction, VoiceView


class DeliveryCommands:
    """`by` is who says it: the name of a token. All raise NotFoundError, ConflictError, StoreError, OverloadedError."""

    def __init__(self, store: Store, *, clock: Clock, record: AgentRecord, voice: VoiceView) -> None:
        self._store = store
        self._clock = clock
        self._record = record
        self._voice = voice

    async def resend(self, subject: str, channel: ChannelName, *, by: str) -> Delivery:
        """Have a dead letter told again, as its incident stands now. ConflictError: it is not dead."""

        def work(transaction: Transaction) -> Delivery:
            stored = transaction.deliveries.get(subject, channel)
            if stored is None:
                raise NotFoundError(f"{channel} was to be told nothing of {subject}")
            self._check(stored)
            again = _revived(stored, self._clock)
            transaction.deliveries.put(again)
            self._note(transaction, f"{by} had what {channel} was not told of {subject} told again", channel, by)
            return again

        revived = await self._store.write(work)
        self._voice.wake(channel)
        return revived

    async def test(self, channel: ChannelName, *, by: str) -> str:
        """Send a test message now; what was told where, in words. Raises UndeliveredError too."""
        if channel not in self._voice.kinds:
            raise NotFoundError(f"there is no channel {channel}: notify.channels of the settings declares them")
        await self._store.write(lambda rows: self._note(rows, f"{by} tested the channel {channel}", channel, by))
        return await self._voice.test(channel)

    def _check(self, stored: Delivery) -> None:
        if stored.state is not DeliveryState.DEAD:
            raise ConflictError(f"it is {stored.state}, and not dead: what waits is told by itself")
        if stored.channel not in self._voice.kinds:
            raise ConflictError(f"{stored.channel} is not in notify.channels any more: nobody would tell it")

    def _note(self, transaction: Transaction, text: str, channel: ChannelName, by: str) -> None:
        entry = Entry(EventKind.NOTE, self._clock.now(), text, {"channel": channel, "by": by})
        self._record.enter(transaction, Subject.MESSAGES, entry)


def _revived(dead: Delivery, clock: Clock) -> Delivery:
    """Its time to be tried begins anew."""
    now = clock.now()
    return replace(dead, state=DeliveryState.WAITING, since=now, due_at=now, attempts=0, failure="", problem="")
