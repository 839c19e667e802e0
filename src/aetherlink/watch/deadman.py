"""Asks an address outside as long as the agent is really well: when that stops, people are called from there."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from aetherlink.clients.deadman import DeadmanClient
from aetherlink.errors import AetherError
from aetherlink.lib.periodic import Periodic
from aetherlink.watch.metrics import Ping, WatchMetrics

_log = logging.getLogger("aetherlink.watch")

_SOON = timedelta(seconds=10)
_FIRST_LOOK = timedelta(seconds=1)  # so long it takes about


class Deadman:
    """`start` and `stop` bound its life. `unwell` says why the agent is not well, in words; None: nobody knows yet."""

    def __init__(
        self,
        client: DeadmanClient,
        interval: timedelta,
        *,
        unwell: Callable[[], Sequence[str] | None],
        metrics: WatchMetrics,
    ) -> None:
        self._client = client
        self._interval = interval
        self._unwell = unwell
        self._metrics = metrics
        self._latest = ""
        self._loop = Periodic("dead man's switch", self.ping, every=interval, log=_log)

    def start(self) -> None:
        """Begin at once."""
        self._loop.start()

    async def stop(self) -> None:
        """Ask no more: whoever waits for it calls people, unless the agent is back before."""
        await self._loop.stop()
        await self._client.aclose()

    async def ping(self) -> timedelta:
        """Ask once, if all is well; when to ask again."""
        soon = min(_SOON, self._interval)
        unwell = self._unwell()
        if unwell is None:
            return min(_FIRST_LOOK, self._interval)
        if why := "; ".join(unwell):
            self._metrics.pinged(Ping.HELD)
            self._say(f"the dead man's switch is not asked: {why}")
            return soon
        try:
            await self._client.ping()
        except AetherError as problem:
            self._metrics.pinged(Ping.FAILED)
            self._say(str(problem))
            return soon
        self._metrics.pinged(Ping.DONE)
        self._say("")
        return self._interval

    def _say(self, problem: str) -> None:
        """Each thing once."""
        if problem and problem != self._latest:
            _log.warning("%s", problem)
        elif self._latest and not problem:
            _log.info("the dead man's switch is asked again")
        self._latest = problem
