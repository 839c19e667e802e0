"""Where alerts go once they are decoded: filed in one transaction, then counted, logged, and the pipeline woken."""

import logging
from collections.abc import Sequence

from aetherlink.incidents.filing import Filing
from aetherlink.incidents.mapping import LabelMapping
from aetherlink.incidents.metrics import AlertMetrics
from aetherlink.model.alerts import Alert
from aetherlink.ports import Clock, Ids, Store, Transaction, Waker

_log = logging.getLogger("aetherlink.incidents")


class Reception:
    """See ports.AlertSink."""

    def __init__(
        self, store: Store, mapping: LabelMapping, *, clock: Clock, ids: Ids, waker: Waker, metrics: AlertMetrics
    ) -> None:
        self._store = store
        self._mapping = mapping
        self._clock = clock
        self._ids = ids
        self._waker = waker
        self._metrics = metrics

    async def receive(self, alerts: Sequence[Alert]) -> None:
        """Returns once every alert is durable; raises StoreError or OverloadedError when they are not."""

        def work(transaction: Transaction) -> list[Alert]:
            return Filing(transaction, self._mapping, self._ids, self._clock.now()).file(alerts)

        news = await self._store.write(work)
        for alert in alerts:
            self._metrics.received(alert, self._mapping.counted_severity(alert))
        for alert in news:
            self._say(alert)
        if news:
            self._waker.wake()

    def _say(self, alert: Alert) -> None:
        meaning = self._mapping.meaning(alert)
        summary = alert.annotations.get("summary", "")
        parts = (
            f"ALERT: {alert.name}",
            f"severity={meaning.severity}",
            f"tenant={meaning.tenant}",
            f"summary='{summary}'",
            f"startsAt={alert.starts_at.isoformat().replace('+00:00', 'Z')}",
            *(() if alert.status == "firing" else (f"status={alert.status}",)),
        )
        _log.info("%s", " | ".join(parts))
