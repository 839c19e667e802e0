"""The outbox as it is in the agent, over a real store and towards a real server, with a clock that is moved by hand."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, IncidentId
from aetherlink.outbox.channel import Surroundings
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.outbox import Outbox
from aetherlink.outbox.plan import ChannelPlan, RequestPlan
from aetherlink.outbox.routes import Routing
from aetherlink.ports import Notifier
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock, fixed_key
from rigs.databases import empty_file
from rigs.notifiers import RIGS, NotifierRig
from rigs.outbox import Rig

OUT = ChannelName("out")
_DEADLINE = timedelta(seconds=1)
A_START = timedelta(seconds=60)


@dataclass
class OutboxOnServer(Rig):
    """One channel, `out`, that tells `service`."""

    service: NotifierRig = field(kw_only=True)
    notifier: Notifier = field(kw_only=True)

    async def start(self) -> None:
        """Make the outbox anew, as a restart does."""
        outbox = _outbox(self.plans[OUT], self.notifier, self.store, self.clock)
        self.channels = dict(outbox._channels)
        await outbox.begin()

    async def told(self, number: int) -> Delivery:
        """How far it was told."""
        found = await self.delivery(number, OUT)
        assert found is not None
        return found

    async def is_settled(self, number: int) -> bool:
        """Whether nothing is left to tell."""
        found = await self.told(number)
        return found.state is DeliveryState.TOLD and found.told == found.wanted

    def seen(self, number: int) -> list[str]:
        """The messages about this incident, as people see them."""
        mark = re.compile(rf"CrmApiDown {number}\b")
        return [text for text in self.service.of_incidents() if mark.search(text)]

    async def let(self, seconds: float, *, step: float = 0.05) -> None:
        """Let time pass."""
        await self.pass_time(seconds, [OUT], step=step)

    async def timeline(self, number: int) -> list[str]:
        """The texts of its entries."""
        incident = IncidentId(f"inc-{number:04d}")
        found = await self.store.read(lambda rows: rows.incidents.timeline(incident, limit=100, after=0))
        return [one.entry.text for one in found]


def outbox_of(notifier: Notifier, store: SqlStore, clock: ManualClock, deadline: timedelta) -> Outbox:
    """One with the channel `out`."""
    return _outbox(ChannelPlan(OUT, deadline=deadline), notifier, store, clock)


def _outbox(plan: ChannelPlan, notifier: Notifier, store: SqlStore, clock: ManualClock) -> Outbox:
    def around(outbox: Outbox) -> Surroundings:
        return Surroundings(
            store=store,
            clock=clock,
            ids=CountingIds(),
            routing=Routing(),
            requests=RequestPlan(),
            metrics=OutboxMetrics(CollectorRegistry(), [OUT]),
            newest=lambda: store.tally.number,
            jitter=lambda: 0.5,
            wake=outbox.wake,
            link="https://aether.example.org",
        )

    return Outbox([(plan, notifier)], around)


@asynccontextmanager
async def outbox_on_server(
    kind: str, folder: Path, *, spacing: timedelta = timedelta(seconds=1), deadline: timedelta = _DEADLINE
) -> AsyncIterator[OutboxOnServer]:
    """With a channel of this kind, ready to tell."""
    store = SqlStore(empty_file(folder / "aetherlink.db"), key=fixed_key)
    store.open()
    service = RIGS[kind](folder)
    await service.server.start()
    opened = service.open()
    await opened.notifier.check(deadline=A_START)
    plans = {OUT: ChannelPlan(OUT, spacing=spacing, deadline=deadline)}
    made = OutboxOnServer(store, ManualClock(), plans, service=service, notifier=opened.notifier)
    await made.start()
    try:
        yield made
    finally:
        await opened.aclose()
        await service.server.stop()
        store.close()
