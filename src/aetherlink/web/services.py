"""What the API needs of the rest of the house, handed in once by the app."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry

from aetherlink.access.gate import Gate
from aetherlink.access.sign_in import SignIn
from aetherlink.access.tokens import TokenBook
from aetherlink.approval_commands import ApprovalCommands
from aetherlink.commands import Commands
from aetherlink.delivery_commands import DeliveryCommands
from aetherlink.errors import NotFoundError
from aetherlink.incident_commands import IncidentCommands
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident
from aetherlink.model.sources import SourceState
from aetherlink.pause_commands import PauseCommands
from aetherlink.ports import (
    AnchorView,
    Clock,
    HealthView,
    LedgerView,
    OutsidePause,
    PlaybookView,
    QueryClient,
    QueryDesk,
    SignedDoor,
    Store,
    TrialDesk,
    VoiceView,
)
from aetherlink.promotion_commands import PromotionCommands
from aetherlink.web.feed import Feed
from aetherlink.web.house_rules import NO_RULES, HouseRules


@dataclass(frozen=True, slots=True)
class Stance:
    """What holds the agent back as a whole, besides pauses and brakes.

    `mode` is the most that it does by itself, `freezes` the windows that forbid changes at an instant, in words, and
    `blind_sources` are those whose heartbeat has stopped.
    """

    mode: Mode
    freezes: Callable[[datetime], Sequence[str]]
    blind_sources: Callable[[], Collection[SourceName]]


def no_graphs(_: Incident) -> str:
    """Nowhere."""
    return ""


class _ClosedDoor:
    """Where no channel of Slack hears buttons."""

    async def take(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Lets nobody in."""
        raise NotFoundError("no channel of Slack is set up to hear buttons here")


CLOSED: SignedDoor = _ClosedDoor()


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The collaborators of the routers.

    `queries` holds at least one client; its first is asked when a query names no source; what people ask
    goes through `query_desk`. `readiness` gives the reasons
    why the agent cannot serve now, in words (none: it can); `sources` how the outside looks. Both must be quick: they
    report what is known, and ask nobody. `graphs_of` is the address of an incident's graphs; empty: none.
    `base_path` stands before every path as browsers ask for it, behind a proxy that serves more than the agent.
    """

    store: Store
    gate: Gate
    tokens: TokenBook
    sign_in: SignIn
    commands: Commands
    incident_commands: IncidentCommands
    approval_commands: ApprovalCommands
    pause_commands: PauseCommands
    promotion_commands: PromotionCommands
    delivery_commands: DeliveryCommands
    voice: VoiceView
    outside_pause: OutsidePause
    stance: Stance
    health: HealthView
    anchors: AnchorView
    ledger: LedgerView
    playbooks: PlaybookView
    trials: TrialDesk
    clock: Clock
    queries: Mapping[SourceName, QueryClient]
    query_desk: QueryDesk
    metrics: CollectorRegistry
    version: str
    sources: Callable[[], Sequence[SourceState]]
    feed: Feed
    readiness: Callable[[], Sequence[str]]
    graphs_of: Callable[[Incident], str] = no_graphs
    rules: HouseRules = NO_RULES
    slack: SignedDoor = CLOSED
    base_path: str = ""
