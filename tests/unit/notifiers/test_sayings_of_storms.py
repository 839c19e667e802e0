"""When a storm is worth one more message, where those that were sent cannot be changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aetherlink.notifiers import sayings, slack_message
from rigs.letters import digest


@pytest.mark.parametrize(
    ("changes", "minutes", "is_news"),
    [
        ({"open": 20}, 1, False),
        ({"open": 3}, 9, False),
        ({"open": 3}, 10, True),
        ({"open": 0}, 1, True),
        ({"incidents": 39}, 1, False),
        ({"incidents": 40}, 1, True),
    ],
)
def test_a_storm_is_told_of_again_when_it_ends_doubles_or_goes_on(
    changes: dict[str, int], minutes: int, is_news: bool
) -> None:
    first = digest()
    later = replace(first, at=first.at + timedelta(minutes=minutes), reference=sayings.told_of(first), **changes)  # type: ignore[arg-type] - fields are named by the cases

    assert sayings.is_news(first)
    assert sayings.is_news(later) is is_news


def test_one_that_is_over_stays_so_until_it_begins_anew() -> None:
    over = digest(is_open=False)
    known = sayings.told_of(over)

    assert not sayings.is_news(replace(over, at=over.at + timedelta(hours=1), reference=known))
    assert sayings.is_news(digest(reference=known))


def test_a_digest_that_was_left_by_all_says_where_they_are() -> None:
    left = replace(digest(is_open=False), incidents=0, worst=())

    assert sayings.digest_headline(left) == "storm: a later message tells of its incidents"
    assert [block["type"] for block in slack_message.digest_blocks(left)] == ["header", "context"]
