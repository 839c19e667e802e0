"""The sockets of the store. It is driven through `Store.write` and `Store.read`.

The caller hands over a function, which runs inside one transaction: on the writer's or a reader's thread, or where the
caller is when it is brief. State, timeline and whatever belongs together commit together.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from aetherlink.model.actions import Action, ActionFilter, Started
from aetherlink.model.alerts import (
    Alert,
    AlertFilter,
    AlertLine,
    AlertStatus,
    Episode,
    LinePlace,
    Standing,
    StoredAlert,
)
from aetherlink.model.audit import AuditRow, ChainState, HeadRow
from aetherlink.model.brakes import Brake
from aetherlink.model.deliveries import ChannelState, Delivery, DeliveryState, DigestCounts
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import ActionId, ChannelName, Fingerprint, IncidentId, PlaybookName, SourceName, TargetName
from aetherlink.model.incidents import Due, Incident, IncidentFilter, IncidentHead
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import Ledger, LedgerOutcome, Way
from aetherlink.model.pauses import Pause
from aetherlink.model.precision import Precision
from aetherlink.model.principals import LoginLink, Session, TokenRecord
from aetherlink.model.promotions import Promotion
from aetherlink.model.silences import OwnSilence
from aetherlink.model.timeline import Entry, EventKind, StoredEntry
from aetherlink.model.track_record import Counted, Repair

T = TypeVar("T")


class AlertRows(Protocol):
    """The alerts, one row an episode, inside one transaction."""

    def standings(
        self, keys: Iterable[tuple[SourceName, Fingerprint]]
    ) -> dict[tuple[SourceName, Fingerprint], Standing]:
        """What is known of the latest episodes of these fingerprints; what is not known is not in it."""
        ...

    @property
    def last_id(self) -> int:
        """The id of the last row; the next ones follow without a gap."""
        ...

    def put(self, new: Sequence[Episode], changed: Sequence[Episode], *, at: datetime) -> None:
        """Insert the new episodes, whose ids follow `last_id`, and store how the changed ones stand."""
        ...

    def get(self, alert_id: int) -> StoredAlert | None: ...

    def of_incident(self, incident_id: IncidentId, *, limit: int, after: int = 0) -> list[StoredAlert]:
        """Alerts filed under the incident with ids above `after`, in the order in which they were first heard of."""
        ...

    def actionable(
        self, incident_id: IncidentId, *, limit: int, after: int = 0, names: Collection[str] | None = None
    ) -> list[StoredAlert]:
        """As of_incident, but only those that fire and are not suppressed; with `names` only alerts of these names."""
        ...

    def names_of(
        self,
        incident_id: IncidentId,
        *,
        limit: int,
        after: int = 0,
        but: Collection[str] = (),
        began_after: datetime | None = None,
        began_by: datetime | None = None,
    ) -> list[str]:
        """The names of its actionable alerts with ids above `after`, those of the first so many; some are left out.

        Only of those that began after the one instant, and by the other.
        """
        ...

    def last_of(self, incident_id: IncidentId) -> int:
        """The id of the newest alert filed under the incident; 0 when there is none."""
        ...

    def page(self, *, limit: int, before: str | None, only: AlertFilter = ...) -> tuple[list[StoredAlert], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        ...

    def lines(
        self, status: AlertStatus, *, limit: int, before: LinePlace | None = None
    ) -> tuple[list[AlertLine], LinePlace | None]:
        """Episodes that stand so, those that changed last first, and the place of the last one where more follow."""
        ...

    def count(self, status: AlertStatus, *, most: int) -> int:
        """How many episodes stand so; it counts no further than `most`."""
        ...

    def forget(self, before: datetime, *, limit: int) -> int:
        """Delete episodes that were over before this instant, the oldest first. Returns how many went."""
        ...


class IncidentRows(Protocol):
    """The incidents and their timelines, inside one transaction."""

    def get(self, incident_id: IncidentId) -> Incident | None: ...

    def open_by_key(self, key: str) -> Incident | None:
        """The open incident with this identity."""
        ...

    def explaining(
        self, source: SourceName, tenants: Sequence[str], *, opened_since: datetime, resolved_since: datetime
    ) -> Incident | None:
        """What a symptom of one of these tenants may be put down to: the oldest incident by an alert that fits.

        It was opened since then, and is open, or was resolved since that other instant.
        """
        ...

    def latest_by_key(self, key: str) -> Incident | None:
        """The newest incident with this identity, open or not."""
        ...

    def insert(self, incident: Incident, entries: Sequence[Entry]) -> None: ...

    def update(self, incident: Incident, entries: Sequence[Entry]) -> bool:
        """Store the incident if its stored version is still `incident.version`, which then grows by one; else False."""
        ...

    def heads(
        self, *, keys: Collection[str] = (), ids: Collection[IncidentId] = (), closed_after: datetime | None = None
    ) -> list[IncidentHead]:
        """Open incidents with these keys or ids; with `closed_after` also those with a key that closed since then.

        By id also those that were closed by hand while alerts of theirs fired: the alerts go on being counted.
        """
        ...

    def open_since(self, source: SourceName, since: datetime) -> list[IncidentHead]:
        """Open incidents of the source that were opened at or after this instant, the newest first, some at most."""
        ...

    def insert_all(self, opened: Sequence[tuple[Incident, Sequence[Entry]]]) -> None:
        """As insert, for many at once."""
        ...

    def touch(self, touched: Sequence[tuple[IncidentHead, Sequence[Entry]]], *, at: datetime) -> None:
        """Store how these incidents stand now, each with its new entries; their versions grow by one."""
        ...

    def due(self, now: datetime, *, limit: int) -> list[Due]:
        """Open incidents whose timer is due, the most urgent first."""
        ...

    def longest_due(self, since: datetime, *, limit: int) -> list[Due]:
        """Open incidents whose timer is due since this instant or before; who has waited longest comes first."""
        ...

    def next_wake(self) -> datetime | None:
        """The earliest timer of all open incidents."""
        ...

    def wake_all(self, now: datetime) -> int:
        """Make the later timers of all open incidents due now: the clock was set back. Returns how many incidents.

        A verification that began later than now begins anew. Their versions grow by one.
        """
        ...

    def latest_entries(
        self, incident_id: IncidentId, *, limit: int, kind: EventKind | None = None
    ) -> list[StoredEntry]:
        """The newest entries, the newest first; with `kind` only those of this kind."""
        ...

    def timeline(self, incident_id: IncidentId, *, limit: int, after: int) -> list[StoredEntry]:
        """Entries in order, those with a sequence above `after`."""
        ...

    def entries_after(self, number: int, *, limit: int) -> list[StoredEntry]:
        """Entries of all incidents in the order of their numbers, those above `number`."""
        ...

    def deeds(self, *, above: int, up_to: int, limit: int) -> list[StoredEntry]:
        """Entries with numbers between these that have one of WHO_FACTS, the newest first; some may only look so."""
        ...

    def chain_state(self, incident_id: IncidentId, *, most: int) -> ChainState:
        """Whether its timeline is as it was stored; of its entries the first ones, so many at most."""
        ...

    def given_up(self, *, limit: int, before: IncidentId | None = None) -> list[Incident]:
        """Open incidents with alerts that fire and that the agent has left to people, the newest first.

        With `before` those that are older than this one.
        """
        ...

    def page(self, *, limit: int, before: str | None, only: IncidentFilter = ...) -> tuple[list[Incident], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        ...

    def prune(self, before: datetime, *, limit: int) -> int:
        """Empty the timelines of incidents that were closed before this instant. Returns how many incidents."""
        ...

    def open_by_severity(self) -> dict[str, int]: ...

    def open_services(self, among: Collection[str], *, besides: IncidentId | None = None) -> frozenset[str]:
        """Those of these services that an open incident stands for; a person's request says nothing against one.

        `besides`: an incident that does not count.
        """
        ...


class ActionRows(Protocol):
    """The actions, inside one transaction."""

    def get(self, action_id: ActionId) -> Action | None: ...
    def put(self, action: Action) -> None: ...

    def started_since(self, target: TargetName, since: datetime) -> list[Action]:
        """Actions on the target whose intent was committed at or after that moment, newest first.

        And those that run, whenever they began: a clock that jumped, or an agent that was away, hides none.
        """
        ...

    def last_end(self, target: TargetName) -> datetime | None:
        """When that action on the target ended that was started last of all that have ended, however long ago."""
        ...

    def last_started(self, target: TargetName) -> Action | None:
        """The action on the target whose intent was committed last, however long ago; None: there is none."""
        ...

    def started_anywhere(self, since: datetime, *, limit: int) -> list[Started]:
        """As started_since, but on any target, so many at most, as the budgets count them; those that run first."""
        ...

    def by_idempotency_key(self, requested_by: str, key: str) -> Action | None:
        """The action that this principal requested under this key: requested_by and facts["idempotency_key"]."""
        ...

    def page(self, *, limit: int, before: str | None, only: ActionFilter = ...) -> tuple[list[Action], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        ...

    def precision(self, playbook: PlaybookName, *, since: datetime, most: int) -> Precision:
        """How good the playbook was, by its actions decided at or after that moment: the newest, so many at most."""
        ...


class TokenRows(Protocol):
    """The tokens, inside one transaction."""

    def all(self) -> list[TokenRecord]: ...
    def put(self, record: TokenRecord) -> None: ...


class SessionRows(Protocol):
    """The browsers that are signed in, inside one transaction."""

    def all(self) -> list[Session]: ...
    def put(self, session: Session) -> None: ...
    def drop(self, ids: Iterable[str]) -> None: ...


class LoginLinkRows(Protocol):
    """The links that sign a browser in and were not used yet, inside one transaction."""

    def all(self) -> list[LoginLink]: ...
    def add(self, link: LoginLink) -> None: ...

    def drop(self, digest: str) -> bool:
        """Forget the link; False: there was none, so whoever brings it comes too late."""
        ...


class QuarantineRows(Protocol):
    """Bodies that could not be read, kept as they came."""

    def put(
        self, *, source: SourceName, body: bytes, problem: str, at: datetime, most_rows: int, most_bytes: int
    ) -> int:
        """Keep the body; the oldest beyond these bounds on all that are kept go. Returns how many went."""
        ...


class PauseRows(Protocol):
    """The pauses, inside one transaction: at most one a scope that was set at once, and those that were planned."""

    def all(self) -> list[Pause]: ...

    def in_force(self, now: datetime, among: frozenset[str] = frozenset()) -> Pause | None:
        """A pause that holds now, of everything or of one of these scopes; what cannot be read raises: act on nothing.

        A scope of a kind that this version does not know counts as everything.
        """
        ...

    def put(self, pause: Pause) -> None:
        """Insert it, or replace the one of its scope that begins when it does."""
        ...

    def drop(self, pause: Pause) -> None:
        """Forget the one of its scope that begins when it does."""
        ...

    def end(self, scope: str) -> None:
        """Forget all of the scope."""
        ...


class BrakeRows(Protocol):
    """The brakes, inside one transaction: at most one a scope."""

    def all(self) -> list[Brake]: ...

    def put(self, brake: Brake) -> bool:
        """Set the brake. False when its scope has one already: that one stays, unless the new one is stricter."""
        ...

    def release(self, scope: str) -> bool:
        """Let go of it. False when there is none."""
        ...


class PromotionRows(Protocol):
    """What playbooks are promoted to, inside one transaction: one a playbook, those that have ended too."""

    def all(self) -> list[Promotion]: ...
    def of(self, playbook: PlaybookName) -> Promotion | None: ...

    def put(self, promotion: Promotion) -> None:
        """Insert it, or replace the one of its playbook."""
        ...


class TrackRows(Protocol):
    """What became of the plans of playbooks, inside one transaction."""

    def counted(self, *, since: datetime, now: datetime, most: int, playbook: PlaybookName | None = None) -> Counted:
        """Those that were decided at or after that moment, the newest, so many at most; of this playbook only."""
        ...

    def repairs(self, playbook: PlaybookName, *, since: datetime, most: int) -> list[Repair]:
        """Its actions that were carried out and decided at or after that moment, the newest first; no undoing."""
        ...


class SilenceRows(Protocol):
    """The silences that the agent has set and not taken away yet, inside one transaction."""

    def all(self) -> list[OwnSilence]: ...
    def put(self, silence: OwnSilence) -> None: ...
    def forget(self, silence_id: str) -> None: ...


class HealthRows(Protocol):
    """The readings of the health score, inside one transaction."""

    def add(self, source: SourceName, readings: Sequence[HealthReading]) -> None: ...

    def recent(self, source: SourceName, *, since: datetime, limit: int) -> list[HealthReading]:
        """Those of every tenant since then, the newest first."""
        ...

    def page(
        self, *, source: SourceName | None, tenant: str | None, since: datetime | None, limit: int, before: str | None
    ) -> tuple[list[tuple[SourceName, HealthReading]], str | None]:
        """Newest first, with the cursor of the next page or None; of one source, of one tenant, since then."""
        ...

    def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """Drop at most `limit` of those that are older, or beyond the newest `most`. Returns how many went."""
        ...


class LedgerRows(Protocol):
    """What became of every alert received, inside one transaction."""

    def add(self, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
        """Count these up."""
        ...

    def totals(self) -> Ledger:
        """What was counted so far."""
        ...


class JournalRows(Protocol):
    """The bodies of webhooks as they came, inside one transaction."""

    def add(self, bodies: Sequence[JournalBody]) -> None:
        """Keep these bodies; at least one."""
        ...

    def since(self, at: datetime) -> Iterator[JournalBody]:
        """The bodies received at or after this instant, in their order."""
        ...

    def prune(self, before: datetime, *, most_bytes: int, limit: int) -> int:
        """Delete the oldest: those from before this instant, and beyond so many bytes. Returns how many rows went."""
        ...


class DeliveryRows(Protocol):
    """What each channel was told, inside one transaction."""

    def cursor(self, channel: ChannelName) -> int | None:
        """The number of the last timeline entry that was looked at for the channel; None: it is new."""
        ...

    def set_cursor(self, channel: ChannelName, number: int) -> None: ...
    def get(self, subject: str, channel: ChannelName) -> Delivery | None: ...
    def put(self, delivery: Delivery) -> None: ...

    def of(self, subject: str) -> list[Delivery]:
        """Those of every channel, by channel."""
        ...

    def due(self, channel: ChannelName, now: datetime, *, limit: int, lowest_priority: int = ...) -> list[Delivery]:
        """Those whose timer is due: what asks a person first, then the most urgent, then who has waited longest.

        A timer that is farther away than any is due, too: the clock was set back.
        Only those that are at least as urgent as `lowest_priority`.
        """
        ...

    def unheard_requests(self, channel: ChannelName, since: datetime, *, limit: int) -> list[Delivery]:
        """Those with an approval request that is untold since this instant or before, given up ones too."""
        ...

    def open_digest(self, channel: ChannelName, began_after: datetime) -> Delivery | None:
        """The newest digest of the channel that began after this instant."""
        ...

    def digest_counts(self, digest: str, channel: ChannelName, *, most: int) -> DigestCounts:
        """How its incidents stand; the most urgent, so many at most."""
        ...

    def page(
        self, *, limit: int, before: str | None, channel: ChannelName | None = None, state: DeliveryState | None = None
    ) -> tuple[list[Delivery], str | None]:
        """Newest first, with the cursor of the next page or None; a narrowed page may be short and still have one."""
        ...

    def states(self) -> list[ChannelState]:
        """How every channel stands, those that are not set up any more too, by name. It counts all there are."""
        ...

    def waiting(self) -> Mapping[ChannelName, datetime]:
        """Since when the oldest one waits, of the channels for which one does; what is told costs nothing here."""
        ...

    def prune(self, before: datetime, *, limit: int) -> int:
        """Forget those with nothing left to tell whose last entry is older, the oldest first. Returns how many went.

        Those of an incident that is open stay, and a digest stays as long as one of its incidents does. Of what
        is still to be told those go that have waited for KEPT_TRYING longer: nobody tries any more.
        """
        ...


class Transaction(Protocol):
    """Every aggregate, inside one transaction."""

    @property
    def alerts(self) -> AlertRows: ...
    @property
    def incidents(self) -> IncidentRows: ...
    @property
    def actions(self) -> ActionRows: ...
    @property
    def tokens(self) -> TokenRows: ...
    @property
    def sessions(self) -> SessionRows: ...
    @property
    def login_links(self) -> LoginLinkRows: ...
    @property
    def quarantine(self) -> QuarantineRows: ...
    @property
    def pauses(self) -> PauseRows: ...
    @property
    def brakes(self) -> BrakeRows: ...
    @property
    def promotions(self) -> PromotionRows: ...
    @property
    def track(self) -> TrackRows: ...
    @property
    def own_silences(self) -> SilenceRows: ...
    @property
    def health(self) -> HealthRows: ...
    @property
    def ledger(self) -> LedgerRows: ...
    @property
    def journal(self) -> JournalRows: ...
    @property
    def deliveries(self) -> DeliveryRows: ...


class Store(Protocol):
    """The store. Raises StoreError when it cannot be used, OverloadedError when too much is waiting."""

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        """Run `work` as the one writer; returns after the commit that holds it.

        Work that is brief (milliseconds) may run in the caller's thread.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a connection that cannot write."""
        ...


class Standings(Protocol):
    """What is known of every alert, from memory: quick, and never ahead of what is committed."""

    def of(self, source: SourceName, fingerprint: Fingerprint) -> Standing | None:
        """What is known of the latest episode."""
        ...

    def firing(self, source: SourceName) -> dict[Fingerprint, Standing]:
        """Every alert of the source that fires, those that are suppressed too; a copy."""
        ...

    def is_old_news(self, alert: Alert) -> bool:
        """Whether the report changes nothing: what is known is as late, or later."""
        ...


class AuditView(Protocol):
    """The timelines as they are stored, in one consistent view. What it gives may hold anything: it is checked."""

    def rows(self) -> Generator[AuditRow, None, None]:
        """Every entry in the order of its number, with the hash before it in its incident. Close it after use."""
        ...

    def stored_tally(self) -> str | None:
        """What the last commit noted of the chain."""
        ...

    def orphan(self) -> tuple[int, str, int] | None:
        """The first entry of an incident that is not there: its number, the incident's id, its sequence."""
        ...

    def wrong_head(self) -> HeadRow | None:
        """The first incident whose last entry is not the one that it names."""
        ...
