"""Whose turn it is: the most urgent first, nobody for ever last, and room for a VIP's repair.

While a VIP's incident has just begun, nobody else begins: what works beside it would share the interpreter with it, and
a repair has a dozen moments at which it would have to wait for all the others.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aetherlink.model.ids import IncidentId
from aetherlink.model.incidents import Due

COURTESY = 0.25  # seconds, far more than the way to a call takes


@dataclass(slots=True)
class Turns:
    """Who waits, who is at work and who rests, of at most `workers` at a time. Instants are the monotonic clock's."""

    workers: int
    _waiting: deque[Due] = field(default_factory=deque)
    _busy: set[IncidentId] = field(default_factory=set)
    _resting: dict[IncidentId, float] = field(default_factory=dict)
    _courtesy: dict[IncidentId, float] = field(default_factory=dict)

    @property
    def unknown(self) -> int:
        """How many of those that are due may be at work or resting: so many more are to be asked for."""
        return len(self._busy) + len(self._resting)

    @property
    def is_held_back(self) -> bool:
        """Whether somebody waits who would have room."""
        return bool(self._waiting) and len(self._busy) < self.workers

    def offer(self, due: Sequence[Due], aged: Iterable[Due], now: float) -> None:
        """Those who are due, the most urgent first, and those of them who have waited for too long: all there are.

        Where there is room for more than one, who has waited longest is among them.
        """
        waiting = [each for each in due if self._is_free(each.id, now)]
        room = self.workers - len(self._busy)
        oldest = next((each for each in aged if self._is_free(each.id, now)), None)
        if oldest is not None and room > 1 and oldest not in waiting[:room]:
            waiting = [each for each in waiting if each != oldest]
            waiting.insert(room - 1, oldest)
        self._waiting = deque(waiting)

    def take(self, now: float) -> IncidentId | None:
        """The next one, who is at work from now on; None: nobody, or no room."""
        while self._waiting and len(self._busy) < self.workers:
            following = self._waiting[0]
            if not following.is_vip and self._is_courteous(now):
                return None
            self._waiting.popleft()
            if self._is_free(following.id, now):
                self._busy.add(following.id)
                if following.is_vip:
                    self._courtesy[following.id] = now + COURTESY
                return following.id
        return None

    def done(self, incident_id: IncidentId) -> None:
        """It is not at work any more."""
        self._busy.discard(incident_id)
        self._courtesy.pop(incident_id, None)

    def rest(self, incident_id: IncidentId, until: float) -> None:
        """It is left alone until then."""
        self._resting[incident_id] = until

    def _is_courteous(self, now: float) -> bool:
        return any(until > now for until in self._courtesy.values())

    def _is_free(self, incident_id: IncidentId, now: float) -> bool:
        until = self._resting.get(incident_id)
        if until is not None and until > now:
            return False
        self._resting.pop(incident_id, None)
        return incident_id not in self._busy
