"""What people do to hold the agent back: pause it or a part of it, at once or later, and resume.

Each is one transaction with its entry in a timeline: that of an incident of its own, which never was open. It is begun
anew every month, so that what is old can be forgotten like any other timeline.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.errors import BadRequestError, ConflictError
from aetherlink.model import lifecycle
from aetherlink.model.ids import IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.pauses import EVERYTHING, NO_REASON, Pause, scope_problem
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Ids, Store, Transaction, Waker

KEY = "agent:pauses"
"""The identity of the incidents that hold the timeline; no alert's is like it."""

MOST_PAUSES = 500
"""So many may be stored, besides the one of everything, which is never refused."""

LONGEST_REASON = 1000
_ONE_INCIDENT = timedelta(days=30)
_KEPT_WHEN_OVER = timedelta(days=1)

_log = logging.getLogger("aetherlink.commands")


@dataclass(frozen=True, slots=True)
class PauseWish:
    """What is asked for: `begins` None or past: at once, `until` None: until resumed, `reason` None: that of before."""

    scope: str = EVERYTHING
    reason: str | None = None
    begins: datetime | None = None
    until: datetime | None = None


class PauseCommands:
    """Pausing and resuming. `known` tells the names that there are of targets, playbooks and sources, by kind of scope.

    `source` is where the incident with the timeline is filed.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        ids: Ids,
        waker: Waker,
        source: SourceName,
        known: Callable[[], Mapping[str, Collection[str]]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._waker = waker
        self._source = source
        self._known = known

    async def pause(self, wish: PauseWish, *, principal: str) -> Pause:
        """In force (or planned) once this returns, restarts included. A pause that holds may only get longer.

        Raises BadRequestError (no such scope, a reason that cannot be kept, an end before its beginning, too many),
        StoreError, OverloadedError.
        """
        now = self._clock.now()
        asked = self._checked(wish, now, principal)

        def work(transaction: Transaction) -> Pause:
            stored = [one for one in transaction.pauses.all() if not _is_long_over(transaction, one, now)]
            held = next((one for one in stored if _is_same(one, asked) and not one.is_over(now)), None)
            if held is None and asked.scope != EVERYTHING and len(stored) >= MOST_PAUSES:
                raise BadRequestError(f"there are {len(stored)} pauses already: resume some of them, or pause `all`")
            pause = asked if held is None else held.joined(_with_reason(asked, wish, held))
            transaction.pauses.put(pause)
            self._record(transaction, Entry(EventKind.PAUSED, now, pause.words, _facts(pause)))
            return pause

        paused = await self._store.write(work)
        _log.warning("%s%s", "the agent is " if paused.scope == EVERYTHING else "", paused.words)
        self._waker.wake()
        return paused

    async def resume(
        self, scope: str = EVERYTHING, *, principal: str, include_planned: bool = False
    ) -> Collection[Pause]:
        """End what holds of exactly this scope, with `include_planned` also what is to come. Returns what ended.

        Where there is none nothing changes. Raises BadRequestError (no such scope), StoreError, OverloadedError.
        """
        now = self._clock.now()

        def work(transaction: Transaction) -> list[Pause]:
            stored = [one for one in transaction.pauses.all() if one.scope == scope]
            ended = [one for one in stored if one.holds(now) or (include_planned and not one.is_over(now))]
            for pause in ended:
                transaction.pauses.drop(pause)
                text = f"{scope} was resumed by {principal}; it was {pause.words}"
                self._record(
                    transaction, Entry(EventKind.RESUMED, now, text, _facts(pause) | {"resumed_by": principal})
                )
            if not stored:
                self._check_scope(scope)
            return ended

        ended = await self._store.write(work)
        if ended:
            _log.warning("%s was resumed by %s", "the agent" if scope == EVERYTHING else scope, principal)
        self._waker.wake()
        return ended

    async def pauses(self) -> list[tuple[Pause, bool]]:
        """Every pause that is not over, with whether it is in force by now. Raises StoreError."""
        now = self._clock.now()
        stored = await self._store.read(lambda transaction: transaction.pauses.all())
        return [(pause, pause.holds(now)) for pause in stored if not pause.is_over(now)]

    def _checked(self, wish: PauseWish, now: datetime, principal: str) -> Pause:
        self._check_scope(wish.scope)
        begins = wish.begins if wish.begins is not None and wish.begins > now else None
        if wish.until is not None and wish.until <= (begins or now):
            which = "is past" if begins is None else "is not after `from`"
            raise BadRequestError(
                f"until: {wish.until:%Y-%m-%d %H:%M:%S} UTC {which}: leave it out, or name a later time"
            )
        reason = wish.reason or NO_REASON
        if len(reason) > LONGEST_REASON or "\0" in reason:
            raise BadRequestError(f"reason: write {LONGEST_REASON} characters at most, none of them NUL")
        return Pause(wish.scope, now, reason, principal, wish.until, begins)

    def _check_scope(self, scope: str) -> None:
        if problem := scope_problem(scope, self._known()):
            raise BadRequestError(f"scope: {problem}")

    def _record(self, transaction: Transaction, entry: Entry) -> None:
        latest = transaction.incidents.latest_by_key(KEY)
        if latest is None or latest.opened_at + _ONE_INCIDENT <= entry.at:
            transaction.incidents.insert(self._incident(entry.at), [entry])
            return
        lifecycle.check(latest, lifecycle.Event.NOTED)
        noted = replace(latest, updated_at=entry.at, resolved_at=entry.at)
        if not transaction.incidents.update(noted, [entry]):
            raise ConflictError(f"incident {latest.id} was changed by somebody else in the same transaction")

    def _incident(self, at: datetime) -> Incident:
        """It is over from the beginning: nothing is wrong, nobody is called, no stage runs."""
        return Incident(
            id=IncidentId(self._ids.new("inc")),
            key=KEY,
            origin=Origin.REQUEST,
            source=self._source,
            title="Pauses of the agent",
            tenant="",
            service="aetherlink",
            severity=Severity.INFO,
            vip=False,
            status=IncidentStatus.RESOLVED,
            stage=Stage.DONE,
            opened_at=at,
            updated_at=at,
            resolved_at=at,
        )


def _is_same(one: Pause, other: Pause) -> bool:
    return one.scope == other.scope and one.begins == other.begins


def _is_long_over(transaction: Transaction, pause: Pause, now: datetime) -> bool:
    """Then it is forgotten; a day is kept in case the clock was wrong."""
    is_it = pause.is_over(now - _KEPT_WHEN_OVER)
    if is_it:
        transaction.pauses.drop(pause)
    return is_it


def _with_reason(asked: Pause, wish: PauseWish, held: Pause) -> Pause:
    """Without a reason of its own the one of the pause that holds stays."""
    return asked if wish.reason else replace(asked, reason=held.reason)


def _facts(pause: Pause) -> dict[str, object]:
    return {
        "scope": pause.scope,
        "by": pause.paused_by,
        "reason": pause.reason,
        "since": pause.since.isoformat(),
        "from": None if pause.begins is None else pause.begins.isoformat(),
        "until": None if pause.until is None else pause.until.isoformat(),
    }
