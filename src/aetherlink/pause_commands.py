"""What people do to hold the agent back: pause it or a part of it, at once or later, and resume.

Each is one transaction with its entry in a timeline of the agent's own (see agent_record).
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.agent_record import AgentRecord, Subject
from aetherlink.errors import BadRequestError
from aetherlink.model.pauses import EVERYTHING, NO_REASON, Pause, scope_problem
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Clock, Store, Transaction, Waker

MOST_PAUSES = 500
"""So many may be stored, besides the one of everything, which is never refused."""

LONGEST_REASON = 1000
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

    `record` holds the timeline.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        waker: Waker,
        record: AgentRecord,
        known: Callable[[], Mapping[str, Collection[str]]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker
        self._record = record
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
            self._record.enter(transaction, Subject.PAUSES, Entry(EventKind.PAUSED, now, pause.words, _facts(pause)))
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
                entry = Entry(EventKind.RESUMED, now, text, _facts(pause) | {"resumed_by": principal})
                self._record.enter(transaction, Subject.PAUSES, entry)
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
