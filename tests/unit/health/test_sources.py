"""The watch over the sources: each on its own, logged on change, shown as a gauge."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.errors import UnreachableError
from aetherlink.health.metrics import HealthMetrics
from aetherlink.health.sources import SourceWatch
from aetherlink.model.ids import SourceName
from aetherlink.model.sources import SourceKind, SourceState
from aetherlink.testing import ManualClock

LAB, PROD = SourceName("lab"), SourceName("prod")


class Outside:
    """Something that is ready, or not, or hangs."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.hangs = False
        self.asked = 0

    async def ready(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise self.problem


class Rig:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.prometheus, self.slow = Outside(), Outside()
        self.alertmanagers = [Outside(), Outside()]
        self.registry = CollectorRegistry()
        self.watch = SourceWatch(
            {
                SourceKind.PROMETHEUS: {LAB: [self.prometheus], PROD: [self.slow]},
                SourceKind.ALERTMANAGER: {LAB: self.alertmanagers},
            },
            interval=timedelta(milliseconds=10),
            clock=clock,
            metrics=HealthMetrics(self.registry),
        )

    def gauge(self, source: str, kind: str) -> float | None:
        return self.registry.get_sample_value("aether_agent_source_up", {"source": source, "kind": kind})


@pytest.fixture
async def rig(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Rig]:
    caplog.set_level(logging.INFO, logger="aetherlink.health")
    rig = Rig(clock)
    yield rig
    await rig.watch.stop()


async def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_before_the_first_question_nobody_knows(clock: ManualClock) -> None:
    assert Rig(clock).watch.states == (
        SourceState(LAB, SourceKind.PROMETHEUS, None),
        SourceState(PROD, SourceKind.PROMETHEUS, None),
        SourceState(LAB, SourceKind.ALERTMANAGER, None),
        SourceState(LAB, SourceKind.ALERTMANAGER, None),
    )


async def test_a_change_is_logged_once_with_how_long_it_was_away(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.prometheus.problem = UnreachableError("connection refused")
    for _ in range(3):
        await rig.watch.check(0)
    rig.clock.move(42)
    rig.prometheus.problem = None
    await rig.watch.check(0)
    await rig.watch.check(0)

    assert caplog.messages == [
        "Prometheus of source lab does not answer: connection refused",
        "Prometheus of source lab answers after 42 s",
    ]


async def test_the_view_and_the_gauge_show_the_last_answer(rig: Rig) -> None:
    rig.prometheus.problem = UnreachableError("connection refused")

    await rig.watch.check(0)

    assert rig.watch.states[0] == SourceState(
        LAB, SourceKind.PROMETHEUS, is_up=False, checked_at=rig.clock.now(), detail="connection refused"
    )
    assert rig.gauge("lab", "prometheus") == 0
    rig.prometheus.problem = None
    await rig.watch.check(0)
    assert rig.gauge("lab", "prometheus") == 1


async def test_one_alertmanager_of_two_is_enough(rig: Rig) -> None:
    rig.alertmanagers[0].problem = UnreachableError("away")
    await rig.watch.check(3)
    await rig.watch.check(2)

    assert rig.gauge("lab", "alertmanager") == 1

    rig.alertmanagers[1].problem = UnreachableError("away")
    await rig.watch.check(3)

    assert rig.gauge("lab", "alertmanager") == 0


async def test_one_that_hangs_delays_no_other(rig: Rig) -> None:
    rig.slow.hangs = True

    rig.watch.start()

    await eventually(lambda: rig.prometheus.asked >= 3 and rig.alertmanagers[1].asked >= 3)
    assert rig.slow.asked == 1
    assert rig.watch.states[1].is_up is None


async def test_a_defect_ends_no_watch(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.prometheus.problem = ZeroDivisionError("a defect of ours")
    rig.watch.start()
    await eventually(lambda: rig.prometheus.asked >= 2)

    rig.prometheus.problem = None

    await eventually(lambda: rig.watch.states[0].is_up is True)
    assert "watch lab prometheus: a look failed: ZeroDivisionError" in caplog.text


async def test_stopping_ends_every_question(rig: Rig) -> None:
    rig.slow.hangs = True
    rig.watch.start()
    await eventually(lambda: rig.slow.asked == 1)

    await asyncio.wait_for(rig.watch.stop(), timeout=1)

    asked = rig.prometheus.asked
    await asyncio.sleep(0.05)
    assert rig.prometheus.asked == asked
