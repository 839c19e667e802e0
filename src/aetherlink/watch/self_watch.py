"""Looks at the agent's own parts every few seconds: what stands still is said by /readyz, metrics and incidents."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from aetherlink.errors import AetherError
from aetherlink.lib.periodic import Periodic
from aetherlink.model.ids import ChannelName, SourceName
from aetherlink.ports import Clock, Store, Transaction, UnwellSink, VoiceView
from aetherlink.watch.ailments import Ailment, Part
from aetherlink.watch.guard import Guard
from aetherlink.watch.metrics import WatchMetrics
from aetherlink.watch.options import WatchOptions

T = TypeVar("T")

_log = logging.getLogger("aetherlink.watch")

_EVERY = timedelta(seconds=5)
_BEAT = timedelta(seconds=1)
_LOOKED_LATELY = 30.0  # seconds: as long as a look may take, and a few more
_STORE_PATIENCE = 5.0  # seconds for a read and a write, each


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is looked at. `idle` names what does not run, in words; `stuck` the channels that do not look any more.

    `deaf` says why buttons are not heard.
    """

    store: Store
    voice: VoiceView
    idle: Callable[[], Sequence[str]]
    stuck: Callable[[], Sequence[str]]
    blind: Callable[[], Collection[SourceName]]
    deaf: Callable[[], Sequence[str]] = tuple


class SelfWatch:
    """`start` and `stop` bound its life. `guard` is told that the loop runs, and what the store cannot take."""

    def __init__(
        self,
        options: WatchOptions,
        vitals: Vitals,
        *,
        guard: Guard,
        sink: UnwellSink,
        clock: Clock,
        metrics: WatchMetrics,
    ) -> None:
        self._away_after = options.away_after
        self._vitals = vitals
        self._guard = guard
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._ailments: Sequence[Ailment] = ()
        self._looked_at: float | None = None
        self._begun_at = clock.monotonic()
        self._away_since: dict[ChannelName, float] = {}
        self._deaf_since: float | None = None
        self._parts: frozenset[Part] = frozenset()
        self._earlier: frozenset[Part] = frozenset()
        self._told: dict[Part, bool] = {}
        self._loop = Periodic("self watch", self.look, every=_EVERY, log=_log)
        self._beating = Periodic("self watch's beat", self._beat, every=_BEAT, log=_log)

    def start(self) -> None:
        """Begin at once."""
        self._begun_at = self._clock.monotonic()
        self._beating.start()
        self._loop.start()
        self._guard.start()

    async def stop(self) -> None:
        """Look no more."""
        self._guard.stop()
        await self._loop.stop()
        await self._beating.stop()

    @property
    def unready(self) -> list[str]:
        """Why the agent cannot do its work, as of the latest look, in words."""
        found = [one.text for one in self._ailments if one.unready and one.part is not Part.ROOMS]
        late = ["the watch over the agent does not look"] if self._looked_at is not None and self._is_late else []
        return [*found, *self._unwatched, *late]

    @property
    def unwell(self) -> list[str] | None:
        """Everything that keeps it from being well, a source that is blind too, and that nobody has looked lately.

        None: it has only begun, and nobody knows yet.
        """
        if self._is_late:
            is_new = self._looked_at is None and self._clock.monotonic() - self._begun_at <= _LOOKED_LATELY
            return None if is_new else ["nobody has looked lately"]
        blind = [f"monitoring of {source} is blind" for source in self._vitals.blind()]
        return [*(one.text for one in self._ailments), *self._unwatched, *blind]

    @property
    def _unwatched(self) -> list[str]:
        return [] if self._guard.is_alive else ["the watchdog does not run"]

    @property
    def _is_late(self) -> bool:
        return self._looked_at is None or self._clock.monotonic() - self._looked_at > _LOOKED_LATELY

    async def look(self) -> None:
        """Look once. What lasts for two looks is an incident until it is gone for two."""
        found = [*self._idle(), *self._deaf(), *await self._of_the_store()]
        self._ailments, self._looked_at = found, self._clock.monotonic()
        self._earlier, self._parts = self._parts, frozenset(one.part for one in found)
        self._metrics.stand(self._parts)
        if Part.STORE not in self._parts:
            await self._tell()

    async def _beat(self) -> None:
        """What the store cannot take no channel is told by the outbox: the guard does it, once it has lasted."""
        lasts = Part.STORE in self._earlier
        self._guard.beat("; ".join(one.text for one in self._ailments if lasts and one.part is Part.STORE))

    def _idle(self) -> list[Ailment]:
        idle = [Ailment(Part.ROOMS, each) for each in self._vitals.idle()]
        stuck = [f"the channel {name} does not look any more" for name in self._vitals.stuck()]
        return [*idle, *(Ailment(Part.CHANNELS, each) for each in stuck)]

    def _deaf(self) -> list[Ailment]:
        """Ears that have heard nothing for long: what is asked there is answered in vain."""
        why, moment = self._vitals.deaf(), self._clock.monotonic()
        if not why:
            self._deaf_since = None
            return []
        self._deaf_since = moment if self._deaf_since is None else self._deaf_since
        if moment - self._deaf_since <= self._away_after.total_seconds():
            return []
        return [Ailment(Part.CHANNELS, f"no button in Slack is heard: {each}", unready=False) for each in why]

    async def _of_the_store(self) -> list[Ailment]:
        store, now = self._vitals.store, self._clock.now()
        overdue = False
        waiting: Mapping[ChannelName, datetime] = {}
        is_at_work = self._clock.monotonic() - self._begun_at > self._away_after.total_seconds()

        def looked(transaction: Transaction) -> tuple[bool, Mapping[ChannelName, datetime]]:
            waits = transaction.incidents.due(now - self._away_after, limit=1)
            return bool(waits), transaction.deliveries.waiting()

        try:
            overdue, waiting = await _in_time(store.read(looked))
            await _in_time(store.write(lambda _: None))
        except TimeoutError:
            return [Ailment(Part.STORE, f"the store has not answered for {_STORE_PATIENCE:g} s")]
        except AetherError as problem:
            _log.error("the store cannot be used: %s", problem)  # its own words may name files
            return [Ailment(Part.STORE, "the store cannot be used")]
        late = [Ailment(Part.PIPELINE, "incidents wait for the pipeline, and it does not come to them")]
        return [*(late if overdue and is_at_work else []), *self._away(waiting, now)]

    def _away(self, waiting: Mapping[ChannelName, datetime], now: datetime) -> list[Ailment]:
        """Channels that could not be told for long what waits for them; those of the settings only.

        What had to wait, for quiet hours or a start of the agent, makes nobody away who fails once after that.
        """
        problems, since, moment = self._vitals.voice.problems, now - self._away_after, self._clock.monotonic()
        self._away_since = {name: self._away_since.get(name, moment) for name in problems}
        long = {name for name, at in self._away_since.items() if moment - at > self._away_after.total_seconds()}
        return [
            Ailment(Part.CHANNELS, f"channel {name} cannot be told anything: {problem}", unready=False)
            for name, waits_since in waiting.items()
            if name in long and (problem := problems[name]) and waits_since < since
        ]

    async def _tell(self) -> None:
        for part in Part:
            is_unwell = part in self._parts
            if is_unwell == (part in self._earlier) and self._told.get(part) is not is_unwell:
                await self._sink_told(part, is_unwell=is_unwell)

    async def _sink_told(self, part: Part, *, is_unwell: bool) -> None:
        now = self._clock.now()
        try:
            if is_unwell:
                text = "; ".join(one.text for one in self._ailments if one.part is part)
                _log.error("the agent is not well: %s", text)
                await self._sink.unwell(part, text, at=now)
            else:
                await self._sink.well(part, at=now)
        except AetherError as problem:
            _log.error("how the agent is could not be recorded: %s", problem)
            return
        self._told[part] = is_unwell


async def _in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(_STORE_PATIENCE):
        return await work
