"""Writes from time to time what the timeline comes to, to the log and to a file: what is gone later shows by them."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from aetherlink.audit.anchor_file import AnchorFile
from aetherlink.audit.metrics import AuditMetrics
from aetherlink.lib.hash_chain import Tally
from aetherlink.lib.periodic import Periodic
from aetherlink.model.audit import Anchor
from aetherlink.ports import Clock

_log = logging.getLogger("aetherlink.audit")


class Anchoring:
    """See ports.AnchorView; `start` and `stop` bound its life. `tally` gives what is committed at this moment."""

    def __init__(
        self,
        file: AnchorFile,
        tally: Callable[[], Tally],
        *,
        interval: timedelta,
        clock: Clock,
        metrics: AuditMetrics,
    ) -> None:
        self._file = file
        self._tally = tally
        self._clock = clock
        self._metrics = metrics
        self._last: Anchor | None = None
        self._loop = Periodic("anchors", self.write, every=interval, log=_log, at_once=False)

    @property
    def last(self) -> Anchor | None:
        """The newest anchor that was written."""
        return self._last

    @property
    def entries(self) -> int:
        """How many entries the timelines have by now."""
        return self._tally().number

    async def start(self) -> None:
        """Compare the last anchor with the database, then write one at every interval."""
        await self._look_back()
        self._loop.start()

    async def stop(self) -> None:
        """Write the last one."""
        await self._loop.stop()
        await self.write()

    async def write(self) -> None:
        """Write an anchor, if anything was added since the last one."""
        tally = self._tally()
        if (self._last is not None and tally == self._last.tally) or tally.number == 0:
            return
        anchor = Anchor(tally, self._clock.now())
        _log.info("%s", anchor.words)
        try:
            await asyncio.to_thread(self._file.append, anchor)
        except OSError as problem:
            self._metrics.failed()
            _log.error("the anchor could not be written to its file, only here: %s", problem.strerror or problem)
            return
        self._last = anchor
        self._metrics.anchored(tally.number)

    async def _look_back(self) -> None:
        """Say it at once when the database is behind its anchors; `verify` looks at everything."""
        try:
            anchors, _ = await asyncio.to_thread(self._file.read)
        except OSError as problem:
            _log.error("the file with the anchors cannot be read: %s", problem.strerror or problem)
            return
        if not anchors:
            return
        self._last = anchors[-1]
        self._metrics.anchored(self._last.tally.number)
        tally = self._tally()
        was, now = self._last.tally.number, tally.number
        if now < was or (now == was and tally != self._last.tally):
            _log.error(
                "AUDIT the database holds %d timeline entries, and other ones (%d) were anchored %s: it was put back "
                "or changed; `aether audit verify` says more",
                now,
                was,
                self._last.when,
            )
