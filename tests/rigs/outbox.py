"""Channels over a store in memory, with a clock that is moved by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry

from aetherlink.model.deliveries import Delivery
from aetherlink.model.ids import ChannelName, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.outbox.channel import Channel, Surroundings
from aetherlink.outbox.metrics import OutboxMetrics
from aetherlink.outbox.plan import ChannelPlan, RequestPlan
from aetherlink.outbox.routes import Routing
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import CountingIds, ManualClock, RecordingNotifier

CHAT = ChannelName("chat")
MAIL = ChannelName("mail")


@dataclass
class Rig:
    """Two channels, chat and mail; what is stored, and what they were told."""

    store: MemoryStore
    clock: ManualClock
    plans: dict[ChannelName, ChannelPlan]
    routing: Routing = field(default_factory=Routing)
    requests: RequestPlan = field(default_factory=RequestPlan)
    notifiers: dict[ChannelName, RecordingNotifier] = field(default_factory=dict)
    channels: dict[ChannelName, Channel] = field(default_factory=dict)
    numbers: int = 0

    async def start(self) -> None:
        """Make the channels anew, as a restart does; the notifiers stay."""
        registry = CollectorRegistry()
        around = Surroundings(
            store=self.store,
            clock=self.clock,
            ids=CountingIds(),
            routing=self.routing,
            requests=self.requests,
            metrics=OutboxMetrics(registry, self.plans),
            newest=lambda: self.numbers,
            jitter=lambda: 0.5,
            wake=lambda _: None,
            link="https://aether.example.org",
        )
        for name, plan in self.plans.items():
            notifier = self.notifiers.setdefault(name, RecordingNotifier())
            self.channels[name] = Channel(plan, notifier, around)
            await self.channels[name].begin()

    async def opened(self, number: int = 1, *, severity: Severity = Severity.WARNING, vip: bool = False) -> Incident:
        """A new incident with its first entry."""
        now = self.clock.now()
        incident = Incident(
            IncidentId(f"inc-{number:04d}"),
            f"key-{number}",
            Origin.ALERT,
            SourceName("prod"),
            f"CrmApiDown {number}",
            "vip-acme" if vip else "acme",
            "crm",
            severity,
            vip,
            IncidentStatus.OPEN,
            Stage.PLAN,
            now,
            now,
        )
        entry = Entry(EventKind.OPENED, now, "opened")
        await self.store.write(lambda rows: rows.incidents.insert(incident, [entry]))
        self.numbers += 1
        return incident

    async def happens(self, number: int, kind: EventKind, text: str = "", **changes: object) -> None:
        """A further entry of the incident, with what changes."""
        stored = await self.store.read(lambda rows: rows.incidents.get(IncidentId(f"inc-{number:04d}")))
        assert stored is not None
        entry = Entry(kind, self.clock.now(), text or kind.value)
        changed = replace(stored, updated_at=self.clock.now(), **changes)  # type: ignore[arg-type] - fields are named by the test
        assert await self.store.write(lambda rows: rows.incidents.update(changed, [entry]))
        self.numbers += 1

    async def resolved(self, number: int = 1) -> None:
        """The incident is over."""
        now = self.clock.now()
        await self.happens(number, EventKind.RESOLVED, status=IncidentStatus.RESOLVED, resolved_at=now)

    async def pass_time(
        self, seconds: float, channels: Sequence[ChannelName] = (CHAT, MAIL), *, step: float = 0.05
    ) -> None:
        """Let each channel look as often as it wants for so long, and at most once a step."""
        end = self.clock.monotonic() + seconds
        looks = dict.fromkeys((name for name in channels if name in self.channels), self.clock.monotonic())
        while (next_at := min(looks.values())) <= end:
            self.clock.move(max(next_at - self.clock.monotonic(), 0))
            for name in [name for name, at in looks.items() if at <= self.clock.monotonic()]:
                pause = await self.channels[name].look()
                looks[name] = self.clock.monotonic() + max(pause, timedelta(seconds=step)).total_seconds()
        self.clock.move(max(end - self.clock.monotonic(), 0))

    async def delivery(self, number: int = 1, channel: ChannelName = CHAT) -> Delivery | None:
        """What is stored of it."""
        return await self.store.read(lambda rows: rows.deliveries.get(f"inc-{number:04d}", channel))
