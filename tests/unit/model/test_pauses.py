"""When a pause holds, and what becomes of two of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.model.pauses import EVERYTHING, Pause
from aetherlink.testing import START

HOUR = timedelta(hours=1)
OPEN = Pause(EVERYTHING, START, "db", "ann")
SHORT = replace(OPEN, until=START + HOUR)
LONG = replace(OPEN, since=START + HOUR / 2, until=START + 2 * HOUR, reason="still the db", paused_by="bob")


def test_it_holds_until_its_end_and_for_ever_without_one() -> None:
    assert OPEN.holds(START + 1000 * HOUR)
    assert SHORT.holds(START + HOUR - timedelta(microseconds=1))
    assert not SHORT.holds(START + HOUR)


@pytest.mark.parametrize(
    ("held", "wish", "until"),
    [(SHORT, LONG, LONG.until), (LONG, SHORT, LONG.until), (OPEN, SHORT, None), (SHORT, OPEN, None)],
    ids=["longer", "not shorter", "an open one stays open", "it may become open"],
)
def test_another_wish_may_only_lengthen_it(held: Pause, wish: Pause, until) -> None:
    joined = held.joined(wish)

    assert (joined.since, joined.until) == (held.since, until)
    assert (joined.reason, joined.paused_by) == (wish.reason, wish.paused_by)


def test_it_reads_as_words() -> None:
    assert SHORT.words == "paused by ann at 2026-01-01 12:00:00 UTC until 2026-01-01 13:00:00 UTC: db"
