"""Ages are counted on the server, in words, and every instant is in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aetherlink.console import instants

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(milliseconds=999), "just now"),
        (timedelta(seconds=1), "1 s ago"),
        (timedelta(seconds=61), "1 min 1 s ago"),
        (timedelta(hours=1, seconds=5), "1 h ago"),
        (timedelta(hours=2, minutes=3, seconds=4), "2 h 3 min ago"),
        (timedelta(days=400, hours=5, minutes=1), "400 d 5 h ago"),
        (timedelta(seconds=-90), "in 1 min 30 s"),
    ],
)
def test_an_age_has_two_units_at_most(before: timedelta, words: str) -> None:
    assert instants.ago(NOW - before, NOW) == words


def test_an_instant_of_another_zone_is_told_in_utc() -> None:
    there = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    assert instants.clock_time(there) == "2026-03-01 12:00:00 UTC"
    assert '<time datetime="2026-03-01T12:00:00Z">' in instants.moment(there, NOW)


def test_no_instant_is_nothing() -> None:
    assert instants.moment(None, NOW) == ""
