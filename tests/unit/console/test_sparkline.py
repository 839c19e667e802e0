"""A score as a small drawing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aetherlink.console.sparkline import HEIGHT, WIDTH, sparkline
from aetherlink.model.health import Forecast, HealthReading, HealthStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def readings(*scores: float | None) -> list[HealthReading]:
    """The oldest first, a minute apart; given out as the store does, the newest first."""
    made = [HealthReading(NOW + timedelta(minutes=place), HealthStatus.OK, score) for place, score in enumerate(scores)]
    return made[::-1]


def points(line: str) -> list[tuple[float, float]]:
    return [(float(across), float(down)) for across, _, down in (point.partition(",") for point in line.split())]


def test_time_goes_to_the_right_and_a_high_score_is_high() -> None:
    drawn = sparkline(readings(100.0, 0.0, 50.0))

    assert drawn is not None
    [line] = drawn.lines
    assert points(line) == [(0.0, 1.0), (45.0, HEIGHT - 1), (90.0, HEIGHT / 2)]


def test_where_no_score_was_read_there_is_no_line() -> None:
    drawn = sparkline(readings(90.0, 90.0, None, 80.0, 80.0))

    assert drawn is not None
    assert len(drawn.lines) == 2


def test_of_fewer_than_two_scores_nothing_is_drawn() -> None:
    assert sparkline([]) is None
    assert sparkline(readings(None, 90.0, None)) is None


def test_where_it_goes_is_told_apart_and_stays_in_the_box() -> None:
    newest, *others = readings(90.0, 70.0)
    falling = replace(newest, forecast=Forecast(-1_000.0, timedelta(minutes=1)))

    drawn = sparkline([falling, *others])

    assert drawn is not None
    assert points(drawn.ahead) == [(90.0, points(drawn.lines[0])[-1][1]), (WIDTH, HEIGHT - 1)]
    assert sparkline([newest, *others]).ahead == ""
