"""The forecast: what it says of trends that are known, and that it never says what cannot be."""

import math
import random
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aetherlink.health.forecast import FARTHEST, FEWEST, MOST, Point, forecast

THRESHOLD = 60.0
SCORES = st.floats(0, 100, allow_nan=False)
TIMES = st.integers(0, 1800).map(float)


def line(start: float, an_hour: float, *, count: int = 20, every: float = 60.0) -> list[Point]:
    """A score that moves evenly."""
    return [(number * every, start + an_hour * number * every / 3600) for number in range(count)]


def seconds(given: timedelta | None) -> float:
    assert given is not None
    return given.total_seconds()


def test_an_even_fall_reaches_the_threshold_when_arithmetic_says_so() -> None:
    said = forecast(line(90, -30), THRESHOLD)  # 19 minutes later it stands at 80.5: 20.5 points at 30 an hour

    assert said is not None
    assert said.slope == pytest.approx(-30)
    for bound in (said.earliest, said.likely, said.latest):
        assert seconds(bound) == pytest.approx(20.5 / 30 * 3600, rel=1e-6)


def test_a_scatter_widens_the_bounds_and_the_truth_lies_between_them() -> None:
    chance = random.Random(1)
    scattered = [(at, score + chance.uniform(-1, 1)) for at, score in line(90, -30)]

    said = forecast(scattered, THRESHOLD)

    assert said is not None
    assert seconds(said.earliest) < 20.5 / 30 * 3600 < seconds(said.latest)
    assert seconds(said.latest) - seconds(said.earliest) > 60


def test_nine_of_ten_intervals_hold_the_true_slope() -> None:
    """The promised confidence, on scatter as it is assumed; far fewer would show a wrong formula."""
    chance = random.Random(2)
    held = 0
    for _ in range(200):
        said = forecast([(at, score + chance.gauss(0, 0.3)) for at, score in line(90, -30, count=30)], THRESHOLD)
        assert said is not None
        above = 90 - 30 * 29 / 60 - THRESHOLD
        held += seconds(said.earliest) - 30 <= above / 30 * 3600 <= seconds(said.latest) + 30
    assert held >= 170


def test_one_odd_reading_does_not_bend_the_trend() -> None:
    points = line(90, -30)
    points[7] = (points[7][0], 0.0)

    said = forecast(points, THRESHOLD)

    assert said is not None
    assert said.slope == pytest.approx(-30, rel=0.05)


def test_a_gap_changes_nothing() -> None:
    points = line(90, -30, count=30)

    whole, gapped = forecast(points, THRESHOLD), forecast(points[:8] + points[20:], THRESHOLD)

    assert whole is not None
    assert gapped is not None
    assert seconds(gapped.likely) == pytest.approx(seconds(whole.likely))


def test_a_faint_trend_in_much_scatter_gives_a_lower_bound_only() -> None:
    off = (5, -7, 3, 8, -4, -8, 6, -2, 7, -6, 2, -5)
    points = [(at, score + by) for (at, score), by in zip(line(80, -20, count=len(off)), off, strict=True)]

    said = forecast(points, THRESHOLD)

    assert said is not None
    assert (said.likely, said.latest) == (None, None)
    assert said.earliest > timedelta(0)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "nothing was read"),
        (line(90, -30, count=FEWEST - 1), "too few readings"),
        (line(90, 0), "it stands still"),
        (line(70, 20), "it rises"),
        (line(61, -30), "it is low already"),
        (line(100, -1), "it takes longer than can be told"),
        ([(5.0, 90.0)] * 20, "all at one instant"),
    ],
)
def test_it_says_nothing_when_there_is_nothing_to_say(points: list[Point], why: str) -> None:
    assert forecast(points, THRESHOLD) is None, why


@given(st.lists(st.tuples(TIMES, SCORES), max_size=3 * MOST), st.floats(0, 100))
@example([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 4.949666721430821e-236), (1.0, 0.0)], 1.0)
def test_whatever_was_read_the_answer_is_in_order_and_in_reach(points: list[Point], threshold: float) -> None:
    said = forecast(points, threshold)

    if said is None:
        return
    assert math.isfinite(said.slope)
    assert said.slope < 0
    bounds = [bound for bound in (said.earliest, said.likely, said.latest) if bound is not None]
    assert bounds == sorted(bounds)
    assert timedelta(0) <= bounds[0] <= bounds[-1] <= FARTHEST
    assert said.latest is None or said.likely is not None


@given(st.lists(st.tuples(TIMES, SCORES), min_size=1, max_size=MOST), st.randoms(use_true_random=False))
def test_the_order_in_which_readings_are_handed_in_changes_nothing(points: list[Point], chance: random.Random) -> None:
    unique = list({at: (at, score) for at, score in points}.values())
    shuffled = unique.copy()
    chance.shuffle(shuffled)

    assert forecast(shuffled, THRESHOLD) == forecast(unique, THRESHOLD)


@given(st.lists(SCORES, min_size=1, max_size=MOST).map(sorted))
def test_a_score_that_never_falls_has_no_forecast(scores: list[float]) -> None:
    assert forecast([(60.0 * number, score) for number, score in enumerate(scores)], THRESHOLD) is None


@given(st.floats(61, 100), st.floats(-500, -10), st.integers(FEWEST, MOST), st.floats(0, 1e9))
def test_every_even_fall_is_foretold_whenever_it_happens(start: float, an_hour: float, count: int, when: float) -> None:
    points = [(when + at, score) for at, score in line(start, an_hour, count=count, every=10)]
    left = points[-1][1] - THRESHOLD

    said = forecast(points, THRESHOLD)

    if left > 0.01:
        assert said is not None
        assert seconds(said.likely) == pytest.approx(left / -an_hour * 3600, rel=1e-2)
