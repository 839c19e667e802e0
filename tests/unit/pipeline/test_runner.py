"""The runner finds what is due, the most urgent first, some at a time, and nothing holds up anything else.

Here time is real, because the runner really waits; the bounds are far from what is measured.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import StoreError
from aetherlink.lib.clock import SystemClock
from aetherlink.model.decisions import Evidence
from aetherlink.model.ids import SourceName
from aetherlink.model.incidents import Incident, IncidentStatus, Stage
from aetherlink.model.timeline import EventKind
from aetherlink.pipeline import record
from aetherlink.pipeline import runner as runner_module
from aetherlink.pipeline.metrics import PipelineMetrics
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.runner import Runner
from aetherlink.pipeline.step import Finish, Step, Taken, Wait
from aetherlink.store.database import SqlStore
from aetherlink.testing import CountingIds, ManualClock
from rigs.pipeline import Rig, build_rig, with_step


class RunningClock(ManualClock):
    """A manual clock that nobody moves: it runs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._real = SystemClock()
        self._set_by = timedelta(0)

    def now(self) -> datetime:
        return self._real.now() + self._set_by

    def set_by(self, step: timedelta) -> None:
        """Somebody sets the wall clock; the monotonic one goes on."""
        self._set_by += step

    def monotonic(self) -> float:
        return self._real.monotonic()


@pytest.fixture
def rig(store: SqlStore, ids: CountingIds, tmp_path: Path) -> Rig:
    return build_rig(store, RunningClock(), ids, database=tmp_path / "aetherlink.db")


@pytest.fixture
async def start(rig: Rig) -> AsyncIterator[Callable[[], Runner]]:
    """Starts a runner on the rig's world as it is then; it is stopped at the end."""
    started: list[Runner] = []

    def begin() -> Runner:
        runner = Runner(rig.world, PipelineMetrics(CollectorRegistry()))
        runner.start()
        started.append(runner)
        return runner

    yield begin
    for runner in started:
        await runner.stop(grace=timedelta(seconds=0.1))


async def within(seconds: float, condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.01)


class Gate:
    """Wraps the rig's probe: counts who asks at a time, and lets them through when it is opened."""

    def __init__(self, rig: Rig) -> None:
        self._probe = rig.probe
        self.opened = asyncio.Event()
        self.waiting = 0
        self.most = 0
        self.asked: list[str] = []

    async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:
        self.asked.append(query)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.opened.wait()
        finally:
            self.waiting -= 1
        return await self._probe.check(source, query, newer_than=newer_than)


async def test_a_wake_up_starts_the_work_at_once(rig: Rig, start: Callable[[], Runner]) -> None:
    runner = start()
    await asyncio.sleep(0)  # it has looked once, found nothing, and would look again in five seconds
    await rig.hear()
    runner.wake()

    await within(3, lambda: _is(bool(rig.executor.calls)))


async def _is(value: bool) -> bool:
    return value


async def test_a_timer_is_kept_without_a_wake_up(rig: Rig, start: Callable[[], Runner]) -> None:
    [playbook] = rig.world.playbooks
    rig.change(
        playbooks=(with_step(playbook, verify_for=timedelta(seconds=0.3)),),
        options=PipelineOptions(verify_interval=timedelta(seconds=0.1)),
    )
    await rig.hear()
    start()

    async def verified() -> bool:
        return EventKind.VERIFIED in await rig.kinds()

    await within(3, verified)


async def test_t19_a_clock_set_back_during_verification_leaves_no_timer_asleep(
    rig: Rig, start: Callable[[], Runner], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [playbook] = rig.world.playbooks
    rig.change(
        playbooks=(with_step(playbook, verify_for=timedelta(seconds=0.3)),),
        options=PipelineOptions(verify_interval=timedelta(seconds=1)),
    )
    sound, failed = rig.store.write, asyncio.Event()

    async def write(work: Callable[..., object]) -> object:
        if rig.clock.now() < began and not failed.is_set():
            failed.set()
            raise StoreError("the disk is full at that moment")
        return await sound(work)

    await rig.hear()
    began = rig.clock.now() - timedelta(hours=3)
    runner = start()

    async def is_verifying() -> bool:
        return (await rig.incident()).verified_since is not None

    async def verified() -> bool:
        runner.wake()
        return EventKind.VERIFIED in await rig.kinds()

    await within(5, is_verifying)
    monkeypatch.setattr(rig.store, "write", write)
    rig.clock.set_by(timedelta(hours=-6))
    await within(15, verified)

    assert failed.is_set()
    assert runner._metrics._clock_steps.labels(direction="back")._value.get() == 1
    assert "the wall clock was set by -21600.0 s: 1 sleeping incidents are woken" in caplog.text


async def test_t19_a_clock_set_ahead_is_counted_and_wakes_nobody_early(
    rig: Rig, start: Callable[[], Runner], caplog: pytest.LogCaptureFixture
) -> None:
    runner = start()
    ahead = runner._metrics._clock_steps.labels(direction="ahead")._value
    await asyncio.sleep(0.1)  # a first look, which has nothing to compare with
    rig.clock.set_by(timedelta(hours=6))
    runner.wake()

    await within(3, lambda: _is(ahead.get() == 1))
    assert "the wall clock was set by +21600.0 s: 0 sleeping incidents are woken" in caplog.text


async def test_no_more_than_the_workers_work_at_a_time(rig: Rig, start: Callable[[], Runner]) -> None:
    gate = Gate(rig)
    rig.change(probe=gate, options=PipelineOptions(workers=2))
    for number in range(6):
        await rig.hear(tenant=f"tenant-{number}")
    start()
    await within(3, lambda: _is(gate.waiting == 2))
    await asyncio.sleep(0.2)  # time enough for a third one to show itself
    gate.opened.set()

    assert gate.most == 2
    await within(3, lambda: _is(len(gate.asked) >= 6))


async def test_an_incident_that_fails_rests_and_holds_up_no_other(rig: Rig, start: Callable[[], Runner]) -> None:
    attempts: list[str] = []
    sound = rig.probe

    class Broken:
        async def check(self, source: SourceName, query: str, *, newer_than: datetime | None = None) -> Evidence:
            if "broken" in query:
                attempts.append(query)
                raise RuntimeError("a bug")
            return await sound.check(source, query, newer_than=newer_than)

    rig.change(probe=Broken())
    await rig.hear(tenant="vip-one", instance="broken:8000")
    await rig.hear(tenant="two")
    runner = start()

    await within(3, lambda: _is(bool(rig.executor.calls)))
    for _ in range(20):
        runner.wake()
        await asyncio.sleep(0.01)
    assert len(attempts) == 1
    assert runner.is_alive


async def test_a_fault_of_one_look_ends_no_other(
    rig: Rig, start: Callable[[], Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, failed = rig.store.read, asyncio.Event()

    async def read(work: Callable[..., object]) -> object:
        if failed.is_set():
            return await sound(work)
        failed.set()
        raise RuntimeError("a bug")

    await rig.hear()
    monkeypatch.setattr(rig.store, "read", read)
    runner = start()
    await asyncio.wait_for(failed.wait(), timeout=3)
    runner.wake()

    await within(3, lambda: _is(bool(rig.executor.calls)))
    assert runner.is_alive


async def test_a_stop_ends_what_does_not_end_by_itself_within_the_grace(rig: Rig, start: Callable[[], Runner]) -> None:
    gate = Gate(rig)
    rig.change(probe=gate)
    await rig.hear()
    runner = start()
    await within(3, lambda: _is(gate.waiting == 1))

    await asyncio.wait_for(runner.stop(grace=timedelta(seconds=0.1)), timeout=3)

    assert gate.waiting == 0
    assert not runner.is_alive


async def test_the_most_urgent_incident_comes_first(rig: Rig) -> None:
    await rig.hear(tenant="plain", severity="critical")
    await rig.hear(tenant="vip-umbrella", severity="info")
    await rig.hear(tenant="lesser", severity="warning")

    due = await rig.store.read(lambda tx: tx.incidents.due(rig.clock.now(), limit=10))
    tenants = [(await rig.store.read(lambda tx, each=each: tx.incidents.get(each.id))).tenant for each in due]
    assert tenants == ["vip-umbrella", "plain", "lesser"]


@pytest.mark.parametrize("move", [Finish(), Wait(None)], ids=["closing", "going to sleep"])
async def test_what_comes_in_while_a_stage_runs_is_looked_at(rig: Rig, move: Finish | Wait) -> None:
    await rig.hear("SomethingElse")
    incident_id = (await rig.incident()).id
    case = await rig.store.read(lambda tx: record.load(tx, rig.world, incident_id))
    await rig.hear("AndAnother")
    now = rig.clock.now()
    await rig.store.write(lambda tx: record.store(tx, rig.world, [Taken(case, Step(move), now, lambda: None)]))

    incident = await rig.incident()
    assert (incident.status, incident.stage) == (IncidentStatus.OPEN, Stage.PLAN)
    assert incident.wake_at == now + record._AFTER_A_TOUCH


async def test_in_a_storm_an_incident_is_left_alone_for_longer(rig: Rig) -> None:
    for number in range(12):
        await rig.hear(f"Name{number}")
    incident_id = (await rig.incident()).id
    case = await rig.store.read(lambda tx: record.load(tx, rig.world, incident_id))
    await rig.hear("AndAnother")
    now = rig.clock.now()
    await rig.store.write(lambda tx: record.store(tx, rig.world, [Taken(case, Step(Wait(None)), now, lambda: None)]))

    assert (await rig.incident()).wake_at == now + record._IN_A_STORM
    assert record._IN_A_STORM > record._AFTER_A_TOUCH


async def incidents_of(rig: Rig) -> list[Incident]:
    found, _ = await rig.store.read(lambda tx: tx.incidents.page(limit=100, before=None))
    return found


def noting(begun: list[str], *, seconds: float) -> Callable[..., Awaitable[None]]:
    """In the place of an incident's stages: it is noted, and takes so long."""

    async def advance(_world: object, incident_id: str, _metrics: object) -> None:
        begun.append(incident_id)
        await asyncio.sleep(seconds)

    return advance


async def test_beside_more_urgent_ones_that_never_end_who_waits_has_a_turn(
    rig: Rig, start: Callable[[], Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        await rig.hear(tenant=f"tenant-{number}", severity="warning")
    await rig.hear(tenant="poor", severity="info")
    rig.clock.set_by(timedelta(minutes=10))
    [poor] = [one.id for one in await incidents_of(rig) if one.tenant == "poor"]
    now = rig.clock.now()
    for one in await incidents_of(rig):
        if one.id != poor:
            await rig.store.write(lambda tx, one=one: tx.incidents.update(replace(one, wake_at=now), []))
    begun: list[str] = []
    monkeypatch.setattr(runner_module, "advance", noting(begun, seconds=0.01))
    runner = start()

    async def is_looked_at_again() -> bool:
        runner.wake()  # a webhook has come
        return begun[20:].count(poor) > 1

    await within(20, is_looked_at_again)


async def test_a_timer_of_a_vip_is_kept_beside_a_backlog(
    rig: Rig, start: Callable[[], Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        await rig.hear(tenant=f"tenant-{number}", severity="warning")
    await rig.hear(tenant="vip-umbrella")
    [vip] = [one for one in await incidents_of(rig) if one.vip]
    at = rig.clock.now() + timedelta(seconds=1)
    await rig.store.write(lambda tx: tx.incidents.update(replace(vip, wake_at=at), []))
    begun: list[str] = []
    monkeypatch.setattr(runner_module, "advance", noting(begun, seconds=0.2))
    start()

    await within(20, lambda: _is(vip.id in begun))
    assert len(begun) < 40 + 30  # all that wait have begun when nobody looks for five seconds
