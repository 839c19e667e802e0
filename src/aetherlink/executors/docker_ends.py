"""How containers ended, as far as it was heard: bounded, in memory, and never a guess.

Docker forgets after 256 events of any kind, health checks among them. What is kept here is kept until the container is
gone: that somebody stopped it matters for as long as it rests, so nothing is dropped for its age.

Pure. That a container was stopped is believed at once. That it ended and nobody stopped it is believed once the daemon
was asked what followed: a stream may lack what it did not deliver.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aetherlink.clients.docker_containers import Container
from aetherlink.clients.docker_events import Happening

_MOST_CONTAINERS = 2000
_MOST_TRIES = 3


@dataclass(slots=True)
class _End:
    """The latest of each, of one container. `tries` counts how often what followed its end could not be asked."""

    killed: datetime | None = None
    died: datetime | None = None
    stopped: datetime | None = None
    is_open: bool = False
    is_proven: bool = False
    tries: int = 0


class Ends:
    """The latest end of each of 2,000 containers at most; those that were heard of longest ago go first."""

    def __init__(self) -> None:
        self._ends: dict[str, _End] = {}

    def hear(self, one: Happening) -> None:
        """What happened. Hearing it twice changes nothing."""
        if one.action == "destroy":
            self._ends.pop(one.container, None)
            return
        end = self._latest(one.container)
        match one.action:
            case "kill":
                end.killed = one.at
            case "stop":
                end.stopped, end.is_open = one.at, False
            case "die" if end.died != one.at:
                end.died, end.is_open, end.is_proven, end.tries = one.at, True, False, 0

    def stopped(self, container: Container) -> None:
        """It is known from elsewhere that somebody stopped it."""
        end = self._latest(container.id)
        end.stopped, end.is_open = container.ending.at, False

    def told(self, container: Container) -> tuple[str, ...]:
        """How its last run ended, in Docker's words; empty when that is not known for sure."""
        end, ended = self._ends.get(container.id), container.ending.at
        if end is None or ended is None:
            return ()
        began = min(container.started_at or ended, ended)
        if end.stopped is not None and end.stopped >= began:
            return ("stop",)
        if end.died is None or not end.is_proven or end.died < began:
            return ()
        return ("kill", "die") if end.killed is not None and end.killed >= began else ("die",)

    @property
    def open(self) -> Mapping[str, datetime]:
        """When those died of which it is not known yet whether somebody had stopped them."""
        return {name: end.died for name, end in self._ends.items() if end.is_open and end.died is not None}

    def followed_by(self, asked: Mapping[str, datetime], told: Iterable[Happening]) -> None:
        """What the daemon remembers of what was `open`. What it has forgotten by then stays unknown."""
        answer = list(told)
        deaths = {(one.container, one.at) for one in answer if one.action == "die"}
        stops = {one.container: one for one in answer if one.action == "stop"}
        for name, died in asked.items():
            end = self._ends.get(name)
            if end is None or not end.is_open or end.died != died:
                continue
            end.is_open, end.is_proven = False, (name, died) in deaths
            if name in stops and stops[name].at >= died:  # an earlier one is of an earlier run
                self.hear(stops[name])

    def unanswered(self, asked: Iterable[str]) -> None:
        """The daemon could not be asked. After three times it stays unknown."""
        for name in asked:
            if (end := self._ends.get(name)) is not None:
                end.tries += 1
                end.is_open = end.is_open and end.tries < _MOST_TRIES

    def _latest(self, container: str) -> _End:
        end = self._ends.pop(container, None) or _End()
        self._ends[container] = end
        if len(self._ends) > _MOST_CONTAINERS:
            del self._ends[next(iter(self._ends))]
        return end
