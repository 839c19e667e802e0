"""The sockets between the rooms: who is told of what, and who can be asked how things stand."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from aetherlink.model.actions import Action
from aetherlink.model.alerts import Alert
from aetherlink.model.audit import Anchor
from aetherlink.model.decisions import Decision, Mode
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import ActionId, ChannelName, IncidentId, PlaybookName, SourceName
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import Ledger, Way
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import Promotion
from aetherlink.model.questions import Question
from aetherlink.model.sources import SourceState
from aetherlink.model.trials import Trial


class AlertSink(Protocol):
    """Where alerts go once they are decoded."""

    async def receive(
        self, alerts: Sequence[Alert], *, way: Way = Way.WEBHOOK, body: JournalBody | None = None
    ) -> None:
        """Returns once they are durable, and the body with them.

        Raises StoreError or OverloadedError when they are not, UnfitError when these alerts cannot be stored at all.
        """
        ...


class LedgerView(Protocol):
    """What became of every alert received so far."""

    async def ledger(self) -> Ledger:
        """The totals, with everything in them that was answered so far. Raises StoreError."""
        ...


class HeartbeatEar(Protocol):
    """Who is told of the alerts that always fire, source by source."""

    def heard(self, source: SourceName, at: datetime) -> None:
        """One of them was heard of at this instant, or was in Alertmanager's list when it was asked at it."""
        ...

    def stopped(self, source: SourceName) -> None:
        """One of them is over, says a webhook."""
        ...

    def missed(self, source: SourceName) -> None:
        """Every Alertmanager answered well, and none of them lists one."""
        ...


class BlindSink(Protocol):
    """Who is told when a source goes blind. Repeated calls change nothing. They raise StoreError, OverloadedError."""

    async def blind(self, source: SourceName, at: datetime, why: str) -> None: ...

    async def sighted(self, source: SourceName, at: datetime) -> None: ...

    async def is_blind(self, source: SourceName) -> bool:
        """Whether it was told that the source is blind, before a restart perhaps, and not yet that it sees again."""
        ...


class OversizedSink(Protocol):
    """Who is told of webhooks that were too large to be read."""

    def refused(self, source: SourceName, *, length: int | None, sender: str) -> None:
        """One of them, from this address; None: so large that nobody knows how large. Cheap, however many come."""
        ...


class Post(NamedTuple):
    """A POST without its body: header names in lower case, the client as address and port."""

    path: str
    headers: Sequence[tuple[bytes, bytes]]
    client: Sequence[object] | None


class Answer(NamedTuple):
    """What is answered; the length of the body is not among the headers."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class PostDoor(Protocol):
    """Takes small POSTs whole and by itself, where an app would be called for each of several thousand a second."""

    @property
    def paths(self) -> Collection[str]:
        """Those that it takes."""
        ...

    async def answer(self, post: Post, body: bytes) -> Answer:
        """The answer, as the app would give it. Raises what is a bug."""
        ...


class SignedDoor(Protocol):
    """Takes POSTs that are let in by a signature over their body."""

    async def take(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Do what it says.

        Raises UnauthenticatedError, BadRequestError, OverloadedError, and NotFoundError where nobody is let in.
        """
        ...


class Ears(Protocol):
    """What hears people in a chat. `stop` lets what was heard come to its end."""

    @property
    def door(self) -> SignedDoor:
        """For what the chat sends by HTTP."""
        ...

    @property
    def problems(self) -> Sequence[str]:
        """Why some of them are not heard now."""
        ...

    def start(self) -> None: ...
    async def stop(self) -> None: ...


class Waker(Protocol):
    """A hint that an incident wants looking at; stored state stays the truth."""

    def wake(self) -> None: ...


class VoiceView(Protocol):
    """The channels of the settings."""

    @property
    def kinds(self) -> Mapping[ChannelName, str]:
        """The name of the service behind each."""
        ...

    @property
    def problems(self) -> Mapping[ChannelName, str]:
        """Why nothing can be told now, of those where that is so; no secrets."""
        ...

    def wake(self, channel: ChannelName) -> None:
        """Let it look now; one that is not there is passed over."""
        ...

    async def test(self, channel: ChannelName) -> str:
        """Tell a channel of the settings that this is a test; what was told where. Raises UndeliveredError."""
        ...


Decider = Callable[[Question], Decision]

OutsidePause = Callable[[], str | None]
"""Why everything is paused from outside the store, in words; None: it is not. Asked at the moment of deciding."""


class TenantNames(Protocol):
    """What the settings say of tenants."""

    def tenant_of(self, labels: Mapping[str, str]) -> str:
        """The tenant that these labels name, or an empty string."""
        ...

    def is_vip(self, tenant: str) -> bool: ...


class HealthView(Protocol):
    """The last readings of the health loop."""

    @property
    def latest(self) -> HealthReading | None:
        """That of all tenants together."""
        ...

    @property
    def present(self) -> Sequence[HealthReading]:
        """That of all tenants together, then those of each tenant, VIPs first."""
        ...


class HealthSink(Protocol):
    """Who is told when a health score, of all tenants or of one, stays low.

    Both calls may be repeated and must then change nothing. They may raise StoreError or OverloadedError: the loop says
    so in the log and calls again at its next check.
    """

    async def low(self, reading: HealthReading) -> None:
        """The score is low for the second time in a row or more."""
        ...

    async def recovered(self, reading: HealthReading) -> None:
        """The score is well: after a low spell, and at the first good reading after a start."""
        ...


class DiskSink(Protocol):
    """Who is told when the disk of the data folder is nearly full. Both may be repeated, and raise StoreError."""

    async def low(self, free_bytes: int, *, at: datetime) -> None: ...
    async def recovered(self, free_bytes: int, *, at: datetime) -> None: ...


class UnwellSink(Protocol):
    """Who is told when a part of the agent itself is not well. Both may be repeated, and raise StoreError."""

    async def unwell(self, part: str, text: str, *, at: datetime) -> None: ...
    async def well(self, part: str, *, at: datetime) -> None: ...


class PlaybookSink(Protocol):
    """Who is told when playbook files are wrong. Both may be repeated, and raise StoreError or OverloadedError."""

    async def refused(self, why: str, *, at: datetime) -> None:
        """Those on disk are not in force; `why` has one line for each thing that is wrong."""
        ...

    async def accepted(self, *, at: datetime) -> None:
        """Those on disk are in force."""
        ...


class PlaybookView(Protocol):
    """The playbooks in force."""

    @property
    def playbooks(self) -> Sequence[Playbook]:
        """In the order in which they are asked."""
        ...

    @property
    def ceiling(self) -> Mode:
        """The most that any of them may do."""
        ...

    def mode_of(self, playbook: Playbook, promotion: Promotion | None = None) -> Mode:
        """The most that it may do by itself, with what it is promoted to."""
        ...

    def set_for(self, name: PlaybookName) -> Mode | None:
        """The mode that the settings give it, which no promotion changes; None: they give it none."""
        ...


class TrialDesk(Protocol):
    """Where a playbook can be tried on an incident."""

    async def tried(self, playbook: Playbook, incident_id: IncidentId) -> Trial:
        """What would come of it now; nothing is stored, and nothing is done. Takes as long as a decision does.

        Raises NotFoundError (no such incident), StoreError.
        """
        ...


class SourceView(Protocol):
    """How the sources were when last asked."""

    @property
    def states(self) -> tuple[SourceState, ...]: ...


class Silencer(Protocol):
    """Silences an alert in its Alertmanagers while something is done about it. Neither call raises or waits long."""

    async def silence(self, action: Action, alert: Alert) -> None:
        """Set it, for as long as the action and its verification may take at most."""
        ...

    async def lift(self, action_id: ActionId) -> None:
        """Take it away again; where there is none nothing happens."""
        ...


class AnchorView(Protocol):
    """How far the anchors reach."""

    @property
    def last(self) -> Anchor | None: ...

    @property
    def entries(self) -> int: ...
