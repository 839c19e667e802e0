"""What the incidents count."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from aetherlink.lib.label_cap import LabelCap
from aetherlink.model.ledger import Ledger, LedgerOutcome, Way


class AlertMetrics:
    """Counts the alerts received. Names come from outside: beyond a cap they count as `other`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._alerts = Counter(
            "aether_agent_alerts",
            "Alerts received; severity is critical, warning or info as the agent understands the labels of "
            "labels.severity (an unknown word, or no such label, is a warning), or none where the alert says none.",
            ["alertname", "severity"],
            registry=registry,
        )
        self._names = LabelCap()
        self._counters: dict[tuple[str, str], Counter] = {}  # bounded as the names are
        self._ledger = _LedgerTotals()
        registry.register(self._ledger)

    def received(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Count alerts by name and severity; the severity is of a closed set."""
        for (name, severity), count in counted.items():
            of = (self._names.bound(name), severity)
            counter = self._counters.get(of)
            if counter is None:
                counter = self._counters[of] = self._alerts.labels(*of)
            counter.inc(count)

    def stored(self, ledger: Ledger) -> None:
        """The ledger as it is stored: at the start, and after a commit of which nobody knows what became."""
        self._ledger.totals = ledger.by_outcome()

    def filed(self, counts: Mapping[tuple[Way, LedgerOutcome], int]) -> None:
        """Count what a commit has stored in the ledger."""
        for (_, outcome), count in counts.items():
            self._ledger.totals[outcome] += count


class _LedgerTotals(Collector):
    """The stored totals, which go on after a restart."""

    def __init__(self) -> None:
        self.totals = dict.fromkeys(LedgerOutcome, 0)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The totals as one family."""
        family = CounterMetricFamily(
            "aether_agent_ledger",
            "What became of every alert received since the database was made; the sum of all outcomes is what was "
            "received.",
            labels=["outcome"],
        )
        for outcome, total in self.totals.items():
            family.add_metric([outcome.value], total)
        yield family
