"""What is counted of deliveries."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.model.deliveries import ChannelState, DeliveryState, Failure
from aetherlink.model.ids import ChannelName

_DONE = "done"


class OutboxMetrics:
    """All present from the start, for every channel that is set up."""

    def __init__(self, registry: CollectorRegistry, channels: Iterable[ChannelName]) -> None:
        self._channels = tuple(channels)
        self._attempts = Counter(
            "aether_agent_delivery_attempts",
            "What came of telling a channel something: done, or why it failed.",
            ["channel", "outcome"],
            registry=registry,
        )
        self._deliveries = Gauge(
            "aether_agent_deliveries",
            "Incidents and digests by channel and by how far the channel was told of them, counted once a minute.",
            ["channel", "state"],
            registry=registry,
        )
        self._oldest = Gauge(
            "aether_agent_outbox_oldest_seconds",
            "For how long the oldest thing that is to be told to the channel waits; 0: nothing waits.",
            ["channel"],
            registry=registry,
        )
        for channel in self._channels:
            self._oldest.labels(channel=channel)
            for outcome in (_DONE, *(each.value for each in Failure)):
                self._attempts.labels(channel=channel, outcome=outcome)
            for state in DeliveryState:
                self._deliveries.labels(channel=channel, state=state.value)

    def told(self, channel: ChannelName) -> None:
        """It was heard."""
        self._attempts.labels(channel=channel, outcome=_DONE).inc()

    def failed(self, channel: ChannelName, failure: str) -> None:
        """It was not, or nobody knows."""
        self._attempts.labels(channel=channel, outcome=failure).inc()

    def wait(self, waiting: Mapping[ChannelName, datetime], now: datetime) -> None:
        """What waits now, since when."""
        for channel in self._channels:
            since = waiting.get(channel)
            self._oldest.labels(channel=channel).set(0 if since is None else max((now - since).total_seconds(), 0))

    def stand(self, states: Iterable[ChannelState]) -> None:
        """How the channels stand now."""
        known: Mapping[ChannelName, ChannelState] = {one.channel: one for one in states}
        for channel in self._channels:
            state = known.get(channel)
            for each in DeliveryState:
                count = 0 if state is None else state.by_state.get(each, 0)
                self._deliveries.labels(channel=channel, state=each.value).set(count)
