"""Watches whether each Prometheus and Alertmanager answers, each on its own: a slow one delays no other."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from aetherlink.errors import AetherError
from aetherlink.health.metrics import HealthMetrics
from aetherlink.lib.periodic import Periodic
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceKind, SourceState
from aetherlink.ports import Clock, ReadyClient

Clients = Mapping[SourceName, Sequence[ReadyClient]]

_log = logging.getLogger("aetherlink.health")


class SourceWatch:
    """See ports.SourceView; `start` and `stop` bound its life."""

    def __init__(
        self, clients: Mapping[SourceKind, Clients], *, interval: timedelta, clock: Clock, metrics: HealthMetrics
    ) -> None:
        self._watched = [
            (SourceState(source, kind, None), client)
            for kind, by_source in clients.items()
            for source, members in by_source.items()
            for client in members
        ]
        self._states = [state for state, _ in self._watched]
        self._down_since: dict[int, float] = {}
        self._clock = clock
        self._metrics = metrics
        self._loops = [
            Periodic(f"watch {state.source} {state.kind}", partial(self._look, index), every=interval, log=_log)
            for index, (state, _) in enumerate(self._watched)
        ]

    @property
    def states(self) -> tuple[SourceState, ...]:
        """How each was when last asked."""
        return tuple(self._states)

    def start(self) -> None:
        """Ask each one now, then at every interval."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Stop asking."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))

    async def check(self, index: int) -> SourceState:
        """Ask one of them, by its place in `states`."""
        first, client = self._watched[index]
        problem = await problem_of(client)
        state = SourceState(first.source, first.kind, problem is None, self._clock.now(), problem or "")
        self._say(index, state)
        self._states[index] = state
        self._publish(state)
        return state

    async def _look(self, index: int) -> None:
        await self.check(index)

    def _publish(self, state: SourceState) -> None:
        """Of several Alertmanagers of one source one is enough: they tell the same."""
        alike = [each for each in self._states if (each.source, each.kind) == (state.source, state.kind)]
        best = next((each for each in alike if each.is_up), state)
        self._metrics.source_seen(best)

    def _say(self, index: int, state: SourceState) -> None:
        was_up = self._states[index].is_up
        if state.is_up is was_up:
            return
        what = f"{state.kind.value.capitalize()} of source {state.source}"
        if state.is_up:
            since = self._down_since.pop(index, None)
            away = "" if since is None else f" after {self._clock.monotonic() - since:.0f} s"
            _log.info("%s answers%s", what, away)
        else:
            self._down_since[index] = self._clock.monotonic()
            _log.warning("%s does not answer: %s", what, state.detail)


async def problem_of(client: ReadyClient) -> str | None:
    """Why it is not ready, in words; None when it is."""
    try:
        await client.ready()
    except AetherError as problem:
        return str(problem)
    return None
