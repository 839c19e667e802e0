"""Whose turn it is: the most urgent first, nobody for ever last, and room for a VIP's repair.

While a VIP's incident that was never worked on before has just begun, nobody else begins: what works beside it would
share the interpreter with it, and a repair has a dozen moments at which it would have to wait for all the others.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Due

COURTESY = 0.25  # seconds, far more than the way to a call takes
_SELDOM = 4  # where there are few workers, not more often than each fourth turn is an aged one's
_MOST_MET = 1000


@dataclass(slots=True)
class Turns:
    """Who waits, who is at work and who rests, of at most `workers` at a time. Instants are the monotonic clock's."""

    workers: int
    _waiting: deque[Due] = field(default_factory=deque)
    _aged: deque[Due] = field(default_factory=deque)
    _busy: set[IncidentId] = field(default_factory=set)
    _resting: dict[IncidentId, float] = field(default_factory=dict)
    _courtesy: dict[IncidentId, float] = field(default_factory=dict)
    _met: OrderedDict[IncidentId, None] = field(default_factory=OrderedDict)
    _urgent_in_a_row: int = 0

    @property
    def unknown(self) -> int:
        """How many of those that are due may be at work or resting: so many more are to be asked for."""
        return len(self._busy) + len(self._resting)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def offer(self, due: Sequence[Due], aged: Iterable[Due], now: float) -> None:
        """Those who are due, the most urgent first, and those of them who have waited too long: all there are."""
        self._resting = {each: until for each, until in self._resting.items() if until > now}
        self._waiting = deque(each for each in due if self._is_free(each.id, now))
        self._aged = deque(each for each in aged if self._is_free(each.id, now))

    def take(self, now: float) -> IncidentId | None:
        """The next one, who is at work from now on; None: nobody, or no room.

        Of so many turns as there are workers one is for who has waited longest, whatever else is urgent.
        """
        while len(self._busy) < self.workers:
            following = self._next(now)
            if following is None:
                return None
            if self._is_free(following.id, now):
                self._begin(following, now)
                return following.id
        return None

    def done(self, incident_id: IncidentId) -> None:
        """It is not at work any more."""
        self._busy.discard(incident_id)
        self._courtesy.pop(incident_id, None)

    def rest(self, incident_id: IncidentId, until: float) -> None:
        """It is left alone until then."""
        self._resting[incident_id] = until

    def _next(self, now: float) -> Due | None:
        if self._aged and self._urgent_in_a_row >= max(self.workers, _SELDOM) - 1:
            self._urgent_in_a_row = 0
            return self._aged.popleft()
        if not self._waiting or (not self._waiting[0].is_vip and self._is_courteous(now)):
            return None
        self._urgent_in_a_row += 1
        return self._waiting.popleft()

    def _begin(self, following: Due, now: float) -> None:
        self._busy.add(following.id)
        for others in (self._waiting, self._aged):
            if following in others:
                others.remove(following)
        if not following.is_vip or following.id in self._met:
            return
        self._courtesy[following.id] = now + COURTESY
        self._met[following.id] = None
        if len(self._met) > _MOST_MET:
            self._met.popitem(last=False)

    def _is_courteous(self, now: float) -> bool:
        return any(until > now for until in self._courtesy.values())

    def _is_free(self, incident_id: IncidentId, now: float) -> bool:
        until = self._resting.get(incident_id)
        return (until is None or until <= now) and incident_id not in self._busy
