"""T26: what stands still in the agent is said by readiness, as incidents and by a ping that stops; nothing else is."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.clients.deadman import DeadmanClient
from aetherlink.clients.options import ClientOptions
from aetherlink.errors import StoreError
from aetherlink.incidents.condition import Conditions
from aetherlink.incidents.unwell import Unwell
from aetherlink.model.deliveries import Delivery, DeliveryState
from aetherlink.model.ids import ChannelName, IncidentId, SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Origin, Severity, Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.ports import Transaction
from aetherlink.simulation.memory_store import MemoryStore
from aetherlink.testing import CountingIds, ManualClock
from aetherlink.watch import self_watch
from aetherlink.watch.deadman import Deadman
from aetherlink.watch.guard import Guard
from aetherlink.watch.metrics import WatchMetrics
from aetherlink.watch.options import WatchOptions
from aetherlink.watch.self_watch import SelfWatch, Vitals
from rigs.hook import Hook, hook
from rigs.scripted_voice import ScriptedVoice

T = TypeVar("T")
CHAT = ChannelName("chat")
LAB = SourceName("lab")


class LimpingStore(MemoryStore):
    """A store that hangs or fails as the test says."""

    problem: str = ""

    async def write(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        await self._limp()
        return await super().write(work, is_brief=is_brief)

    async def _limp(self) -> None:
        if self.problem == "hangs":
            await asyncio.Event().wait()
        if self.problem:
            raise StoreError(self.problem)


class UnstartedGuard(Guard):
    """A guard whose thread is said to run, or not."""

    runs = True

    @property
    def is_alive(self) -> bool:
        return self.runs


@dataclass
class Rig:
    """The parts of an agent, all well."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: LimpingStore = field(default_factory=LimpingStore)
    voice: ScriptedVoice = field(default_factory=ScriptedVoice)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    idle: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    blind: list[SourceName] = field(default_factory=list)
    deaf: list[str] = field(default_factory=list)
    alarms: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = WatchMetrics(self.registry)
        self.guard = UnstartedGuard(timedelta(seconds=10), clock=self.clock, tell=self._tell, metrics=self.metrics)
        self.watch = self.started()

    def started(self) -> SelfWatch:
        """A watch as a restart makes it."""
        vitals = Vitals(
            self.store, self.voice, lambda: self.idle, lambda: self.stuck, lambda: self.blind, lambda: self.deaf
        )
        sink = Unwell(Conditions(self.store, ids=CountingIds()), LAB)
        return SelfWatch(WatchOptions(), vitals, guard=self.guard, sink=sink, clock=self.clock, metrics=self.metrics)

    def _tell(self, text: str, is_over: bool) -> bool:
        self.alarms.append((text, is_over))
        return True

    async def run(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            await self.watch.look()
            for _ in range(5):
                self.clock.move(1)
                await self.watch._beat()
                self.guard.step()

    async def incidents(self, status: IncidentStatus = IncidentStatus.OPEN) -> list[str]:
        found, _ = await self.store.read(lambda rows: rows.incidents.page(limit=50, before=None))
        return [one.title for one in found if one.status is status]

    async def waits(self) -> None:
        """Something is to be told to the chat since now."""
        now = self.clock.now()
        one = Delivery("inc-9", CHAT, 20, DeliveryState.WAITING, wanted=1, since=now, began_at=now, due_at=now)
        await self.store.write(lambda rows: rows.deliveries.put(one))

    def unwell(self, part: str) -> float | None:
        return self.registry.get_sample_value("aether_agent_unwell", {"part": part})


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def heard() -> Iterator[Hook]:
    with hook() as made:
        yield made


async def test_t26_a_room_that_does_not_run_is_an_incident_until_it_does(rig: Rig) -> None:
    rig.idle = ["the pipeline does not run"]
    await rig.run(15)
    opened, measured = await rig.incidents(), rig.unwell("rooms")
    rig.idle = []
    await rig.run(15)

    assert (opened, measured) == (["a part of the agent does not run"], 1)
    assert await rig.incidents(IncidentStatus.RESOLVED) == opened
    assert (rig.watch.unwell, rig.unwell("rooms")) == ([], 0)


async def test_one_look_that_fails_is_no_incident(rig: Rig) -> None:
    rig.idle = ["the pipeline does not run"]
    await rig.run(5)
    rig.idle = []
    await rig.run(60)

    assert await rig.incidents() + await rig.incidents(IncidentStatus.RESOLVED) == []


@pytest.mark.parametrize("problem", ["hangs", "disk I/O error in /secret/place"])
async def test_t26_a_store_that_takes_nothing_is_unready_and_told_past_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setattr(self_watch, "_STORE_PATIENCE", 0.01)
    rig.store.problem = problem
    await rig.run(15)
    unready, alarms = rig.watch.unready, list(rig.alarms)
    rig.store.problem = ""
    await rig.run(10)

    assert len(unready) == 1
    assert "store" in unready[0]
    assert "/secret" not in unready[0]
    assert [over for _, over in alarms] == [False]
    assert ([over for _, over in rig.alarms], rig.watch.unready) == ([False, True], [])


async def test_a_store_that_fails_once_calls_nobody(rig: Rig) -> None:
    rig.store.problem = "database is locked"
    await rig.run(5)
    rig.store.problem = ""
    await rig.run(60)

    assert (rig.alarms, rig.watch.unready) == ([], [])


async def test_t26_a_watch_that_does_not_look_is_unready(rig: Rig) -> None:
    await rig.run(5)
    rig.clock.move(31)

    assert rig.watch.unready == ["the watch over the agent does not look"]


async def test_t26_a_channel_that_stays_away_is_an_incident_for_the_others(rig: Rig) -> None:
    await rig.waits()
    rig.voice.problems = {CHAT: "POST x answered 401"}
    await rig.run(9 * 60)
    early = await rig.incidents()
    await rig.run(2 * 60)

    assert early == []
    assert await rig.incidents() == ["the agent cannot tell everybody"]
    assert rig.watch.unready == []
    assert rig.watch.unwell == ["channel chat cannot be told anything: POST x answered 401"]


async def test_what_waits_for_quiet_hours_to_end_is_no_ailment(rig: Rig) -> None:
    await rig.waits()
    await rig.run(10 * 3600)

    assert (rig.watch.unwell, await rig.incidents()) == ([], [])


async def test_t26_buttons_that_nobody_hears_for_long_are_an_incident(rig: Rig) -> None:
    rig.deaf = ["apps.connections.open answered invalid_auth"]
    await rig.run(9 * 60)
    early = await rig.incidents()
    await rig.run(2 * 60)
    late, unwell = await rig.incidents(), rig.watch.unwell
    rig.deaf = []
    await rig.run(15)

    assert (early, late, rig.watch.unready) == ([], ["the agent cannot tell everybody"], [])
    assert unwell == ["no button in Slack is heard: apps.connections.open answered invalid_auth"]
    assert await rig.incidents() == []


async def test_who_fails_once_after_quiet_hours_is_not_away(rig: Rig) -> None:
    await rig.waits()
    await rig.run(3600)
    rig.voice.problems = {CHAT: "POST x answered 503"}
    await rig.run(5 * 60)
    rig.voice.problems = {}
    await rig.run(10)
    rig.voice.problems = {CHAT: "POST x answered 503"}
    await rig.run(9 * 60)

    assert (rig.watch.unwell, await rig.incidents(), await rig.incidents(IncidentStatus.RESOLVED)) == ([], [], [])


async def test_what_fell_due_while_the_agent_was_down_is_no_ailment(rig: Rig) -> None:
    now = rig.clock.now()
    waiting = Incident(
        IncidentId("inc-0009"), "k", Origin.ALERT, LAB, "CrmDown", "", "crm", Severity.WARNING, False,
        IncidentStatus.OPEN, Stage.PLAN, now, now, wake_at=now,
    )  # fmt: skip
    await rig.store.write(lambda rows: rows.incidents.insert(waiting, [Entry(EventKind.OPENED, now, "opened")]))
    rig.clock.move(3600)
    rig.watch = rig.started()
    await rig.run(60)

    assert (rig.watch.unready, await rig.incidents()) == ([], ["CrmDown"])


async def test_t26_a_channel_whose_loop_is_dead_makes_it_unready(rig: Rig) -> None:
    rig.stuck = ["chat"]
    await rig.run(15)

    assert rig.watch.unready == ["the channel chat does not look any more"]
    assert await rig.incidents() == ["the agent cannot tell everybody"]


async def test_t26_incidents_that_the_pipeline_does_not_come_to_are_an_incident(rig: Rig) -> None:
    now = rig.clock.now()
    waiting = Incident(
        IncidentId("inc-0009"), "k", Origin.ALERT, LAB, "CrmDown", "", "crm", Severity.WARNING, False,
        IncidentStatus.OPEN, Stage.PLAN, now, now, wake_at=now,
    )  # fmt: skip
    await rig.store.write(lambda rows: rows.incidents.insert(waiting, [Entry(EventKind.OPENED, now, "opened")]))
    await rig.run(9 * 60)
    early = rig.watch.unready
    await rig.run(2 * 60)

    assert early == []
    assert "pipeline" in rig.watch.unready[0]
    assert "the agent does not come to its incidents" in await rig.incidents()


async def test_what_was_open_before_a_restart_is_closed_after_it(rig: Rig) -> None:
    rig.idle = ["the pipeline does not run"]
    await rig.run(15)
    rig.idle = []
    rig.watch = rig.started()
    await rig.run(15)

    assert await rig.incidents() == []


async def test_t26_no_false_alarm_in_24_h(rig: Rig) -> None:
    await rig.waits()
    told = await rig.store.read(lambda rows: rows.deliveries.get("inc-9", CHAT))
    assert told is not None
    await rig.store.write(lambda rows: rows.deliveries.put(replace(told, state=DeliveryState.TOLD, due_at=None)))
    await rig.run(24 * 3600)

    assert (await rig.incidents(), await rig.incidents(IncidentStatus.RESOLVED), rig.alarms) == ([], [], [])
    assert (rig.watch.unready, rig.watch.unwell) == ([], [])


async def test_t26_the_ping_stops_while_the_agent_is_not_well_for_any_reason(
    rig: Rig, heard: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    deadman = Deadman(
        DeadmanClient(f"{heard.url}/s3cr3t", ClientOptions()),
        timedelta(minutes=1),
        unwell=lambda: rig.watch.unwell,
        metrics=rig.metrics,
    )
    await deadman.ping()
    before_the_first_look = [*heard.paths, *caplog.messages]
    await rig.watch.look()
    well = await deadman.ping()
    rig.blind = [LAB]
    blind = await deadman.ping()
    rig.blind, rig.guard.runs = [], False
    await deadman.ping()
    rig.guard.runs, rig.idle = True, ["the pipeline does not run"]
    await rig.watch.look()
    await deadman.ping()
    rig.idle = []
    await rig.watch.look()
    rig.clock.move(60)  # nobody looks any more
    await deadman.ping()
    after_all = list(heard.paths)
    await rig.watch.look()
    heard.status = 404
    await deadman.ping()
    await deadman.stop()

    assert (before_the_first_look, after_all) == ([], ["/s3cr3t"])
    assert (well, blind) == (timedelta(minutes=1), timedelta(seconds=10))
    counts = [
        rig.registry.get_sample_value("aether_agent_deadman_pings_total", {"outcome": outcome})
        for outcome in ("done", "held", "failed")
    ]
    assert counts == [1, 4, 1]
    assert "monitoring of lab is blind" in caplog.text
    assert "the watchdog does not run" in caplog.text
    assert "answered 404" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_an_address_is_asked_with_its_query(heard: Hook) -> None:
    client = DeadmanClient(f"{heard.url}/api/push/s3cr3t?status=up&msg=OK", ClientOptions())
    await client.ping()
    await client.aclose()

    assert heard.paths == ["/api/push/s3cr3t?status=up&msg=OK"]


@pytest.mark.parametrize("path", ["/s3cr3t", "/push?key=s3cr3t", "?key=s3cr3t", "/s3cr3t?x=1"])
async def test_an_address_that_is_not_reached_is_not_shown(path: str) -> None:
    client = DeadmanClient(f"http://127.0.0.1:9{path}", ClientOptions())
    with pytest.raises(Exception, match="dead man's switch") as told:
        await client.ping()
    await client.aclose()

    assert "s3cr3t" not in str(told.value)
    assert told.value.__cause__ is None
