"""The stored readings: each check is kept, the old ones go, and a start goes on where the last run ended."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.health.forecast import WINDOW
from aetherlink.health.options import HealthOptions
from aetherlink.model.health import HealthReading
from aetherlink.model.ids import SourceName
from aetherlink.ports import Store, Transaction

_MOST_READ = 20_000  # at a start
_MOST_PRUNED = 600  # at a check: more than it adds, and never a long hold of the one writer

_log = logging.getLogger("aetherlink.health")


class History:
    """The readings of one source. A store that is away costs their history, never the check."""

    def __init__(self, store: Store, source: SourceName, options: HealthOptions) -> None:
        self._store = store
        self._source = source
        self._options = options
        self._is_kept = True

    async def keep(self, readings: Sequence[HealthReading], *, at: datetime) -> None:
        """Store the readings of one check, and let go of some that are too old or too many."""

        def work(transaction: Transaction) -> None:
            transaction.health.add(self._source, readings)
            transaction.health.prune(
                before=at - self._options.history, most=self._options.most_readings, limit=_MOST_PRUNED
            )

        try:
            await self._store.write(work)
        except AetherError as problem:
            if self._is_kept:
                _log.error("health readings are not stored: %s", problem)
            self._is_kept = False
        else:
            self._is_kept = True

    async def load(self, *, at: datetime, longest: timedelta) -> dict[str, list[HealthReading]]:
        """What the last run read, by tenant and oldest first, as far back as counts or trends need."""
        since = at - max(longest, WINDOW)
        try:
            found = await self._store.read(lambda rows: rows.health.recent(self._source, since=since, limit=_MOST_READ))
        except AetherError as problem:
            _log.error("earlier health readings cannot be read, counting begins anew: %s", problem)
            return {}
        by_tenant: defaultdict[str, list[HealthReading]] = defaultdict(list)
        for reading in reversed(found):
            by_tenant[reading.tenant].append(reading)
        return dict(by_tenant)
