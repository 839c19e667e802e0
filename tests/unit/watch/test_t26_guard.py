"""T26: the thread that notices a loop or a store that does nothing, on a clock that is moved by hand, and for real."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from aetherlink.lib.clock import SystemClock
from aetherlink.testing import ManualClock
from aetherlink.watch.guard import Guard
from aetherlink.watch.metrics import WatchMetrics

SILENCE = timedelta(seconds=10)


@dataclass
class Rig:
    """A guard; `hears` says whether anybody hears it."""

    clock: ManualClock = field(default_factory=ManualClock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    told: list[tuple[str, bool]] = field(default_factory=list)
    hears: bool = True

    def __post_init__(self) -> None:
        self.guard = Guard(SILENCE, clock=self.clock, tell=self.tell, metrics=WatchMetrics(self.registry))

    def tell(self, text: str, is_over: bool) -> bool:
        self.told.append((text, is_over))
        return self.hears

    def run(self, seconds: int, *, beats: bool, trouble: str = "") -> None:
        for _ in range(seconds):
            self.clock.move(1)
            if beats:
                self.guard.beat(trouble)
            self.guard.step()

    @property
    def blocks(self) -> float | None:
        return self.registry.get_sample_value("aether_agent_loop_blocked_total")


def test_t26_a_blocked_loop_is_told_within_15_s_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.run(60, beats=True)
    rig.run(9, beats=False)
    before = list(rig.told)
    rig.run(6, beats=False)
    within = list(rig.told)
    rig.run(300, beats=False)
    rig.run(5, beats=True)

    assert before == []
    assert within == [("its event loop has done nothing for 10 s", False)]
    assert rig.told == [*within, ("well again; it was: its event loop has done nothing for 10 s", True)]
    assert rig.blocks == 1
    assert "test_t26_guard.py" in caplog.text, "the log says where the loop is"


def test_t26_what_the_loop_sees_and_cannot_tell_is_told_for_it() -> None:
    rig = Rig()
    rig.run(5, beats=True, trouble="the store has not answered for 5 s")
    rig.run(5, beats=True)

    assert [over for _, over in rig.told] == [False, True]
    assert rig.told[0][0] == "the store has not answered for 5 s"


def test_what_nobody_heard_is_told_again_and_not_every_second() -> None:
    rig = Rig(hears=False)
    rig.run(100, beats=False)
    rig.hears = True
    rig.run(100, beats=False)

    assert 4 <= len(rig.told) <= 6


def test_an_end_that_was_not_heard_is_told_again_for_a_while_and_what_comes_back_is_told_anew() -> None:
    rig = Rig()
    rig.run(15, beats=False)
    rig.hears = False
    rig.run(100, beats=True)
    ends = [over for _, over in rig.told]
    rig.hears = True
    rig.run(15, beats=False)
    rig.hears = False
    rig.run(3600, beats=True)

    assert ends == [False, True, True, True, True]
    assert [over for _, over in rig.told[5:]] == [False, *[True] * 20]
    assert rig.blocks == 2


def test_what_nobody_heard_has_no_end_to_tell() -> None:
    rig = Rig(hears=False)
    rig.run(15, beats=False)
    rig.run(15, beats=True)

    assert {over for _, over in rig.told} == {False}


def test_a_process_that_stood_still_as_a_whole_is_no_blocked_loop() -> None:
    rig = Rig()
    rig.run(60, beats=True)
    rig.clock.move(3600)
    rig.guard.step()
    rig.run(60, beats=True)

    assert rig.told == []


def test_t26_no_false_alarm_in_24_h() -> None:
    rig = Rig()
    rig.run(24 * 3600, beats=True)

    assert (rig.told, rig.blocks) == ([], 0)


async def test_t26_a_loop_that_is_really_blocked_is_noticed_from_its_thread() -> None:
    told: list[tuple[str, bool]] = []

    def tell(text: str, is_over: bool) -> bool:
        told.append((text, is_over))
        return True

    metrics = WatchMetrics(CollectorRegistry())
    guard = Guard(timedelta(seconds=2), clock=SystemClock(), tell=tell, metrics=metrics)
    guard.start()
    guard.beat()
    end = time.monotonic() + 8
    while time.monotonic() < end and not told:
        time.sleep(0.05)  # noqa: ASYNC251 - this is the fault
    blocked = list(told)
    async with asyncio.timeout(20):
        while len(told) < 2:
            guard.beat()
            await asyncio.sleep(0.1)
    guard.stop()

    assert [over for _, over in blocked] == [False]
    assert told[1][1]
