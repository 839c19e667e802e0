"""A wall clock that is set is told from two clocks that merely run."""

from datetime import timedelta

from aetherlink.lib.clock_steps import ClockSteps
from aetherlink.testing import START

NONE = timedelta(0)
HOUR = timedelta(hours=1)


def test_clocks_that_run_together_show_no_step() -> None:
    steps = ClockSteps()

    assert steps.seen(START, 1000.0) == NONE
    assert steps.seen(START + HOUR, 4600.0) == NONE
    assert steps.seen(START + HOUR + timedelta(seconds=1.9), 4600.0) == NONE


def test_a_step_is_seen_until_it_is_taken() -> None:
    steps = ClockSteps()
    steps.seen(START, 0.0)

    assert steps.seen(START - HOUR, 0.0) == -HOUR
    assert steps.seen(START - HOUR + timedelta(seconds=5), 5.0) == -HOUR
    steps.take(-HOUR)
    assert steps.seen(START - HOUR + timedelta(seconds=9), 9.0) == NONE
    assert steps.seen(START + timedelta(seconds=9), 9.0) == HOUR


def test_small_steps_add_up() -> None:
    steps = ClockSteps()
    seen = [steps.seen(START - timedelta(seconds=count), 0.0) for count in range(4)]

    assert seen == [NONE, NONE, timedelta(seconds=-2), timedelta(seconds=-3)]
