"""Actions, and what there is little of: pauses, brakes, silences, tokens, readings, the ledger and kept bodies."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aetherlink.errors import StoreError
from aetherlink.model.actions import (
    IDEMPOTENCY_FACT,
    TAKEN_BACK_FACT,
    VERDICT_FACT,
    WRONG_FACT,
    Action,
    ActionFilter,
    ActionState,
    Started,
)
from aetherlink.model.brakes import Brake
from aetherlink.model.decisions import Effect
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import ActionId, PlaybookName, SourceName, TargetName
from aetherlink.model.journal import JournalBody
from aetherlink.model.ledger import Ledger, LedgerOutcome, Way
from aetherlink.model.pauses import Pause
from aetherlink.model.precision import TAKEN_BACK, Precision
from aetherlink.model.principals import LoginLink, Session, TokenRecord
from aetherlink.model.promotions import Promotion
from aetherlink.model.silences import OwnSilence
from aetherlink.model.would_be import HOW, THEN_FACT
from aetherlink.simulation.undo import Undo, page_of

_NO_FILTER = ActionFilter()


@dataclass(slots=True)
class ActionTable:
    """What is stored of actions, with their ids by target, and by who asked under which key."""

    rows: dict[ActionId, Action] = field(default_factory=dict)
    of_target: dict[TargetName, tuple[ActionId, ...]] = field(default_factory=dict)
    by_key: dict[tuple[str, str], ActionId] = field(default_factory=dict)


class MemoryActionRows:
    """See ports.ActionRows."""

    def __init__(self, table: ActionTable, undo: Undo) -> None:
        self._table = table
        self._undo = undo

    def get(self, action_id: ActionId) -> Action | None:
        """The action, or None."""
        return self._table.rows.get(action_id)

    def put(self, action: Action) -> None:
        """Insert or replace it. Raises StoreError where another one has its key."""
        table = self._table
        key = action.facts.get(IDEMPOTENCY_FACT)
        if isinstance(key, str):
            if table.by_key.get((action.requested_by, key), action.id) != action.id:
                raise StoreError(f"{action.requested_by} has used the key {key!r} before")
            self._undo.put(table.by_key, (action.requested_by, key), action.id)
        if action.id not in table.rows:
            ids = (*table.of_target.get(action.plan.target, ()), action.id)
            self._undo.put(table.of_target, action.plan.target, ids)
        self._undo.put(table.rows, action.id, action)

    def started_since(self, target: TargetName, since: datetime) -> list[Action]:
        """See ports.ActionRows."""
        rows = self._table.rows
        return _newest_first((rows[each] for each in self._table.of_target.get(target, ())), since)

    def last_end(self, target: TargetName) -> datetime | None:
        """See ports.ActionRows."""
        of_it = (self._table.rows[each] for each in self._table.of_target.get(target, ()))
        ended = [(one.started_at, one.finished_at) for one in of_it if one.started_at and one.finished_at]
        return max(ended)[1] if ended else None

    def last_started(self, target: TargetName) -> Action | None:
        """See ports.ActionRows."""
        of_it = (self._table.rows[each] for each in self._table.of_target.get(target, ()))
        begun = [(one.started_at, one) for one in of_it if one.started_at is not None]
        return max(begun, key=lambda pair: pair[0])[1] if begun else None

    def started_anywhere(self, since: datetime, *, limit: int) -> list[Started]:
        """See ports.ActionRows."""
        found = _newest_first(iter(self._table.rows.values()), since)
        running_first = sorted(found, key=lambda one: one.state is not ActionState.RUNNING)[:limit]
        return [each for one in running_first if (each := one.as_started) is not None]

    def by_idempotency_key(self, requested_by: str, key: str) -> Action | None:
        """See ports.ActionRows."""
        found = self._table.by_key.get((requested_by, key))
        return None if found is None else self._table.rows[found]

    def page(
        self, *, limit: int, before: str | None, only: ActionFilter = _NO_FILTER
    ) -> tuple[list[Action], str | None]:
        """See ports.ActionRows."""
        return page_of(self._table.rows, limit=limit, before=before, fits=lambda one: _fits(one, only))

    def precision(self, playbook: PlaybookName, *, since: datetime, most: int) -> Precision:
        """See ports.ActionRows."""
        newest_first = sorted(self._table.rows.values(), key=lambda one: one.created_at, reverse=True)
        of_it = [one for one in newest_first if one.plan.playbook == playbook and one.created_at >= since]
        counted = [one for one in of_it if one.plan.is_repair][:most]
        undoing = [one for one in of_it if one.plan.undo_of is not None][:most]
        undone = sum(1 for one in undoing if one.outcome is not None and one.outcome.status in TAKEN_BACK)
        undone += sum(1 for one in counted if TAKEN_BACK_FACT in one.facts)
        verdicts = Counter(str(one.facts.get(VERDICT_FACT, "")) for one in counted if one.started_at is not None)
        would_be = Counter(_then(one) for one in counted if _is_observed(one))
        wrong = sum(1 for one in counted if WRONG_FACT in one.facts)
        return Precision(verdicts.total(), wrong, dict(verdicts), dict(would_be), undone)


def _fits(one: Action, only: ActionFilter) -> bool:
    asked = ((one.state, only.state), (one.incident_id, only.incident_id), (one.plan.target, only.target))
    return all(wanted is None or value == wanted for value, wanted in asked)


def _is_observed(one: Action) -> bool:
    return one.started_at is None and one.decision.effect is Effect.OBSERVE


def _then(one: Action) -> str:
    """What happened instead of it."""
    then = one.facts.get(THEN_FACT)
    return str(then.get(HOW, "")) if isinstance(then, dict) else ""


def _newest_first(actions: Iterator[Action], since: datetime) -> list[Action]:
    """Those that began since then, and those that run."""
    begun = [(one.started_at, one) for one in actions if one.started_at is not None and _counts(one, since)]
    return [one for _, one in sorted(begun, key=lambda pair: pair[0], reverse=True)]


def _counts(action: Action, since: datetime) -> bool:
    is_recent = action.started_at is not None and action.started_at >= since
    return is_recent or action.state is ActionState.RUNNING


PauseKey = tuple[str, datetime | None]  # scope and beginning


class MemoryPauseRows:
    """See ports.PauseRows."""

    def __init__(self, rows: dict[PauseKey, Pause], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[Pause]:
        """By scope; the planned ones last."""
        at_once = sorted(scope for scope, begins in self._rows if begins is None)
        planned = sorted((scope, begins) for scope, begins in self._rows if begins is not None)
        return [*(self._rows[scope, None] for scope in at_once), *(self._rows[key] for key in planned)]

    def in_force(self, now: datetime, among: frozenset[str] = frozenset()) -> Pause | None:
        """See ports.PauseRows."""
        return next((pause for pause in self.all() if pause.holds(now) and pause.covers(among)), None)

    def put(self, pause: Pause) -> None:
        """See ports.PauseRows."""
        self._undo.put(self._rows, (pause.scope, pause.begins), pause)

    def drop(self, pause: Pause) -> None:
        """See ports.PauseRows."""
        self._undo.drop(self._rows, (pause.scope, pause.begins))

    def end(self, scope: str) -> None:
        """Forget every pause of the scope."""
        for key in [key for key in self._rows if key[0] == scope]:
            self._undo.drop(self._rows, key)


class MemoryBrakeRows:
    """See ports.BrakeRows."""

    def __init__(self, rows: dict[str, Brake], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[Brake]:
        """By scope."""
        return [self._rows[scope] for scope in sorted(self._rows)]

    def put(self, brake: Brake) -> bool:
        """See ports.BrakeRows."""
        held = self._rows.get(brake.scope)
        if held is not None and (held.effect is Effect.DENY or brake.effect is held.effect):
            return False
        self._undo.put(self._rows, brake.scope, brake)
        return True

    def release(self, scope: str) -> bool:
        """See ports.BrakeRows."""
        return self._undo.drop(self._rows, scope)


class MemorySilenceRows:
    """See ports.SilenceRows."""

    def __init__(self, rows: dict[str, OwnSilence], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[OwnSilence]:
        """By id."""
        return [self._rows[each] for each in sorted(self._rows)]

    def put(self, silence: OwnSilence) -> None:
        """Keep it in mind."""
        self._undo.put(self._rows, silence.id, silence)

    def forget(self, silence_id: str) -> None:
        """It is gone."""
        self._undo.drop(self._rows, silence_id)


class MemoryTokenRows:
    """See ports.TokenRows."""

    def __init__(self, rows: dict[str, TokenRecord], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[TokenRecord]:
        """The oldest first."""
        return sorted(self._rows.values(), key=lambda one: (one.created_at, one.id))

    def put(self, record: TokenRecord) -> None:
        """Insert or replace it. Raises StoreError where another one has its digest."""
        if any(one.digest == record.digest and one.id != record.id for one in self._rows.values()):
            raise StoreError("there is a token with this digest already")
        self._undo.put(self._rows, record.id, record)


class MemorySessionRows:
    """See ports.SessionRows."""

    def __init__(self, rows: dict[str, Session], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[Session]:
        """The oldest first."""
        return sorted(self._rows.values(), key=lambda one: (one.created_at, one.id))

    def put(self, session: Session) -> None:
        """Insert or replace it. Raises StoreError where another one has its digest."""
        if any(one.digest == session.digest and one.id != session.id for one in self._rows.values()):
            raise StoreError("there is a session with this digest already")
        self._undo.put(self._rows, session.id, session)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget these, where they are known."""
        for session_id in ids:
            self._undo.drop(self._rows, session_id)


class MemoryLoginLinkRows:
    """See ports.LoginLinkRows."""

    def __init__(self, rows: dict[str, LoginLink], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def all(self) -> list[LoginLink]:
        """The oldest first."""
        return sorted(self._rows.values(), key=lambda one: (one.created_at, one.digest))

    def add(self, link: LoginLink) -> None:
        """A new link. Raises StoreError where there is one of this digest."""
        if link.digest in self._rows:
            raise StoreError("there is a link with this digest already")
        self._undo.put(self._rows, link.digest, link)

    def drop(self, digest: str) -> bool:
        """Forget the link; False: there was none."""
        return self._undo.drop(self._rows, digest)


class MemoryQuarantineRows:
    """See ports.QuarantineRows."""

    def __init__(self, rows: dict[int, bytes], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def put(
        self,
        *,
        source: SourceName,  # noqa: ARG002 - the port's signature; only the bodies are of use here
        body: bytes,
        problem: str,  # noqa: ARG002 - as above
        at: datetime,  # noqa: ARG002 - as above
        most_rows: int,
        most_bytes: int,
    ) -> int:
        """See ports.QuarantineRows."""
        self._undo.put(self._rows, max(self._rows, default=0) + 1, body)
        newest_first = sorted(self._rows, reverse=True)
        held = [sum(len(self._rows[key]) for key in newest_first[: place + 1]) for place in range(len(newest_first))]
        going = [key for place, key in enumerate(newest_first) if place >= most_rows or held[place] > most_bytes]
        for key in going:
            self._undo.drop(self._rows, key)
        return len(going)


Reading = tuple[SourceName, HealthReading]


class MemoryHealthRows:
    """See ports.HealthRows."""

    def __init__(self, rows: dict[int, Reading], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def add(self, source: SourceName, readings: Sequence[HealthReading]) -> None:
        """Keep them. Who is a VIP is a matter of the settings and not stored."""
        for reading in readings:
            self._undo.put(self._rows, max(self._rows, default=0) + 1, (source, replace(reading, vip=False)))

    def recent(self, source: SourceName, *, since: datetime, limit: int) -> list[HealthReading]:
        """See ports.HealthRows."""
        found = [(one.at, key) for key, (of, one) in self._rows.items() if of == source and one.at >= since]
        return [self._rows[key][1] for _, key in sorted(found, reverse=True)[:limit]]

    def page(
        self, *, source: SourceName | None, tenant: str | None, since: datetime | None, limit: int, before: str | None
    ) -> tuple[list[Reading], str | None]:
        """See ports.HealthRows."""

        def fits(row: Reading) -> bool:
            of, one = row
            is_of_them = source in (None, of) and tenant in (None, one.tenant)
            return is_of_them and (since is None or one.at >= since)

        return page_of(self._rows, limit=limit, before=before, fits=fits)

    def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """See ports.HealthRows."""
        newest = max(self._rows, default=0)
        going = sorted(key for key, (_, one) in self._rows.items() if one.at < before or key <= newest - most)[:limit]
        for key in going:
            self._undo.drop(self._rows, key)
        return len(going)


class MemoryLedgerRows:
    """See ports.LedgerRows."""

    def __init__(self, rows: dict[tuple[Way, LedgerOutcome], int], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def add(self, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
        """Count these up."""
        for key, more in counts.items():
            if more:
                self._undo.put(self._rows, key, self._rows.get(key, 0) + more)

    def totals(self) -> Ledger:
        """What was counted so far."""
        return Ledger(dict(self._rows))


class MemoryJournalRows:
    """See ports.JournalRows; one row holds the bodies of one call, as on disk."""

    def __init__(self, rows: dict[int, tuple[JournalBody, ...]], undo: Undo) -> None:
        self._rows = rows
        self._undo = undo

    def add(self, bodies: Sequence[JournalBody]) -> None:
        """Keep these bodies."""
        self._undo.put(self._rows, max(self._rows, default=0) + 1, tuple(bodies))

    def since(self, at: datetime) -> Iterator[JournalBody]:
        """See ports.JournalRows."""
        return (body for key in sorted(self._rows) for body in self._rows[key] if body.at >= at)

    def prune(self, before: datetime, *, most_bytes: int, limit: int) -> int:
        """See ports.JournalRows. Bodies are not compressed here: their own sizes count."""
        going: list[int] = []
        held = 0
        for key in sorted(self._rows, reverse=True):
            held += sum(len(body.body) for body in self._rows[key])
            if held > most_bytes or self._rows[key][-1].at < before:
                going.append(key)
        for key in sorted(going)[:limit]:
            self._undo.drop(self._rows, key)
        return len(going[:limit])


@dataclass(slots=True)
class RecordTables:
    """Everything of which there is little."""

    actions: ActionTable = field(default_factory=ActionTable)
    pauses: dict[PauseKey, Pause] = field(default_factory=dict)
    brakes: dict[str, Brake] = field(default_factory=dict)
    promotions: dict[PlaybookName, Promotion] = field(default_factory=dict)
    own_silences: dict[str, OwnSilence] = field(default_factory=dict)
    tokens: dict[str, TokenRecord] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    login_links: dict[str, LoginLink] = field(default_factory=dict)
    quarantine: dict[int, bytes] = field(default_factory=dict)
    health: dict[int, Reading] = field(default_factory=dict)
    ledger: dict[tuple[Way, LedgerOutcome], int] = field(default_factory=dict)
    journal: dict[int, tuple[JournalBody, ...]] = field(default_factory=dict)
