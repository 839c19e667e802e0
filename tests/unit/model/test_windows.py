"""Freeze windows by the week and once: over midnight, leap days, year ends, and clocks that are changed (T19)."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from aetherlink.model.windows import EVERY_DAY, SingleWindow, WeeklyWindow, in_force

BERLIN = ZoneInfo("Europe/Berlin")
NOTHING: frozenset[str] = frozenset()


def weekly(begins: str, ends: str, days: frozenset[int] = EVERY_DAY, zone: ZoneInfo = BERLIN) -> WeeklyWindow:
    return WeeklyWindow("nights", days, time.fromisoformat(begins), time.fromisoformat(ends), zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-01-15T20:59:59", False),  # 21:59:59 in Berlin
        ("2026-01-15T21:00", True),
        ("2026-01-15T23:30", True),  # after midnight there
        ("2026-01-16T04:59:59", True),
        ("2026-01-16T05:00", False),
        ("2025-12-31T23:30", True),  # over the end of the year
        ("2028-02-29T02:00", True),
        ("2028-02-28T22:30", True),  # into a leap day
        ("2028-02-29T22:30", True),  # out of it
        ("2028-02-29T12:00", False),
    ],
)
def test_a_window_over_midnight(now: str, holds: bool) -> None:
    assert weekly("22:00", "06:00").holds(utc(now)) is holds


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-01-16T23:00", True),  # Friday night
        ("2026-01-17T02:00", True),  # belongs to Friday, though it is Saturday
        ("2026-01-17T23:00", False),
        ("2026-01-16T02:00", False),  # belongs to Thursday
    ],
)
def test_the_days_are_those_on_which_it_begins(now: str, holds: bool) -> None:
    assert weekly("22:00", "06:00", frozenset({4}), ZoneInfo("UTC")).holds(utc(now)) is holds


def test_the_days_are_those_of_its_zone() -> None:
    sunday = weekly("00:00", "12:00", frozenset({6}), ZoneInfo("Pacific/Kiritimati"))  # fourteen hours ahead

    assert sunday.holds(utc("2026-01-17T10:00"))
    assert not sunday.holds(utc("2026-01-17T09:59"))


def test_the_same_time_twice_is_a_whole_day() -> None:
    window = weekly("00:00", "00:00", frozenset({5}), ZoneInfo("UTC"))

    assert [window.holds(utc(f"2026-01-{day}T00:00")) for day in (16, 17, 18)] == [False, True, False]
    assert window.holds(utc("2026-01-17T23:59:59"))


@pytest.mark.parametrize(
    ("begins", "ends", "first", "last"),
    [
        # 29 March 2026: at 02:00 it is 03:00; 01:00 UTC.
        ("22:00", "06:00", "2026-03-28T21:00", "2026-03-29T03:59"),
        ("01:00", "03:00", "2026-03-29T00:00", "2026-03-29T00:59"),
        ("02:30", "05:00", "2026-03-29T01:00", "2026-03-29T02:59"),  # 02:30 is left out
        ("01:00", "02:30", "2026-03-29T00:00", "2026-03-29T01:00"),
    ],
)
def test_when_the_clocks_go_forward(begins: str, ends: str, first: str, last: str) -> None:
    window = weekly(begins, ends, frozenset({5, 6}))

    assert window.holds(utc(first))
    assert window.holds(utc(last))


def test_when_the_clocks_go_forward_a_night_is_an_hour_shorter() -> None:
    window = weekly("22:00", "06:00")

    assert not window.holds(utc("2026-03-28T20:59"))
    assert not window.holds(utc("2026-03-29T04:00"))


@pytest.mark.parametrize(
    ("begins", "ends", "nows"),
    [
        # 25 October 2026: at 03:00 it is 02:00; 01:00 UTC. What comes twice counts twice.
        ("22:00", "06:00", ["24T19:59", "24T20:00", "25T04:59", "25T05:00"]),
        ("02:30", "04:00", ["25T00:29", "25T00:30", "25T02:59", "25T03:00"]),
        ("01:00", "02:30", ["24T22:59", "24T23:00", "25T01:29", "25T01:30"]),
    ],
)
def test_when_the_clocks_go_back(begins: str, ends: str, nows: list[str]) -> None:
    """Just before it, its first minute, its last one, and just after it."""
    window = weekly(begins, ends)

    assert [window.holds(utc(f"2026-10-{now}")) for now in nows] == [False, True, True, False]


def test_it_holds_without_a_gap_while_the_clocks_go_back() -> None:
    window = weekly("01:00", "02:30")
    minutes = [utc(f"2026-10-25T{hour:02}:{minute:02}") for hour in (0, 1) for minute in range(0, 60, 5)]

    assert [window.holds(each) for each in minutes] == [each < utc("2026-10-25T01:30") for each in minutes]


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("0001-01-01T23:00", True),
        ("2038-01-19T03:14:08", True),
        ("9999-12-30T23:00", True),
        ("9999-12-31T12:00", False),
    ],
)
def test_far_years_raise_nothing(now: str, holds: bool) -> None:
    assert weekly("22:00", "06:00", zone=ZoneInfo("UTC")).holds(utc(now)) is holds


ONCE = SingleWindow("launch", utc("2026-06-01T00:00"), utc("2026-06-03T00:00"), "target:crm-api")
ALWAYS = weekly("00:00", "00:00")


def test_one_that_comes_once_holds_between_its_instants() -> None:
    nows = ["2026-05-31T23:59:59", "2026-06-01T00:00", "2026-06-02T23:59:59", "2026-06-03T00:00"]

    assert [ONCE.holds(utc(now)) for now in nows] == [False, True, True, False]


def test_the_first_window_of_these_scopes_is_told_in_words() -> None:
    now = utc("2026-06-01T12:00")
    crm = frozenset({"target:crm-api", "tenant:acme"})

    assert in_force([ONCE], now, frozenset({"target:billing"})) is None
    assert in_force([], now, crm) is None
    words = "freeze window launch of target:crm-api: 2026-06-01 00:00 to 2026-06-03 00:00 UTC"
    assert in_force([ONCE, ALWAYS], now, crm) == words
    assert in_force([ONCE, ALWAYS], now, NOTHING) == "freeze window nights: 00:00 to 00:00 Europe/Berlin"
