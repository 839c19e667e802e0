"""Takes away what is older than it is to be kept: a few rows a write job, so that nobody who writes has to wait for it.

The pages that this frees are used again; the file of the database does not shrink.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry, Counter

from aetherlink.errors import AetherError
from aetherlink.lib.periodic import Periodic
from aetherlink.ports import Clock, Store, Transaction
from aetherlink.store.retention_options import RetentionOptions

_log = logging.getLogger("aetherlink.store")

_INTERVAL = timedelta(minutes=10)
_AT_ONCE = 500
_LARGE_AT_ONCE = 50  # a row of the journal may hold megabytes
_REST = 3.0  # times as long as a job took: retention has the writer for a quarter of its time at most


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that is kept for a while. `prune` deletes at most so many as of an instant, and says how many."""

    name: str
    prune: Callable[[Transaction, datetime, int], int]
    at_once: int = _AT_ONCE


def kinds(options: RetentionOptions) -> list[Kind]:
    """What the settings keep for a while. The readings of the health score are pruned by their own loop."""
    return [
        Kind("incidents", lambda tx, now, limit: tx.incidents.prune(now - options.incidents, limit=limit), at_once=50),
        Kind("deliveries", lambda tx, now, limit: tx.deliveries.prune(now - options.incidents, limit=limit)),
        Kind("alerts", lambda tx, now, limit: tx.alerts.forget(now - options.alerts, limit=limit)),
        Kind(
            "journal",
            lambda tx, now, limit: tx.journal.prune(
                now - options.journal_age, most_bytes=options.journal_bytes, limit=limit
            ),
            at_once=_LARGE_AT_ONCE,
        ),
    ]


class RetentionMetrics:
    """How much was taken away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deleted = Counter(
            "aether_agent_retention_deleted", "Rows that retention took away, by kind.", ["kind"], registry=registry
        )

    def known(self, kind: str) -> None:
        """Present from the start."""
        self._deleted.labels(kind=kind)

    def deleted(self, kind: str, count: int) -> None:
        """Count them."""
        self._deleted.labels(kind=kind).inc(count)


class Retention:
    """Goes through all kinds from time to time; `start` and `stop` bound its life."""

    def __init__(self, store: Store, kinds: Sequence[Kind], *, clock: Clock, metrics: RetentionMetrics) -> None:
        self._store = store
        self._kinds = kinds
        self._clock = clock
        self._metrics = metrics
        self._loop = Periodic("retention", self.sweep, every=_INTERVAL, log=_log)
        for kind in kinds:
            metrics.known(kind.name)

    def start(self) -> None:
        """Begin at once."""
        self._loop.start()

    async def stop(self) -> None:
        """What was deleted so far is deleted; the rest goes next time."""
        await self._loop.stop()

    async def sweep(self) -> None:
        """Each kind once, down to its bound. A kind that fails is said in the log, and the others go on."""
        for kind in self._kinds:
            try:
                count = await self._prune(kind)
            except AetherError as problem:
                _log.error("Retention of %s failed, and is tried again in %s: %s", kind.name, _INTERVAL, problem)
                continue
            if count:
                _log.info("Retention took away %d %s", count, kind.name)

    async def _prune(self, kind: Kind) -> int:
        total = 0
        while True:
            begun = self._clock.monotonic()
            now, limit = self._clock.now(), kind.at_once
            count = await self._store.write(partial(_work, kind=kind, now=now, limit=limit))
            self._metrics.deleted(kind.name, count)
            total += count
            if count < limit:
                return total
            await asyncio.sleep(_REST * (self._clock.monotonic() - begun))


def _work(transaction: Transaction, kind: Kind, now: datetime, limit: int) -> int:
    return kind.prune(transaction, now, limit)
