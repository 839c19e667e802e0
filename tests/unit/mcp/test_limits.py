"""How much one token may ask: a rate that comes back, so many at once, and no memory without a bound."""

from datetime import timedelta

import pytest

from aetherlink.errors import ThrottledError
from aetherlink.mcp.limits import CallLimits
from aetherlink.mcp.options import McpOptions


def limits_of(clock, **options) -> tuple[CallLimits, list[int]]:
    told: list[int] = []
    return CallLimits(McpOptions(**options), clock, told.append), told


def test_what_is_left_comes_back_with_time_and_is_each_tokens_own(clock) -> None:
    limits, _ = limits_of(clock, calls_per_minute=6)
    for _ in range(6):
        limits.take("one")

    with pytest.raises(ThrottledError, match=r"mcp\.calls_per_minute: 6") as refusal:
        limits.take("one")
    assert refusal.value.wait == timedelta(seconds=10)
    limits.take("another")
    clock.move(10)
    limits.take("one")
    with pytest.raises(ThrottledError):
        limits.take("one")
    clock.move(3600)
    for _ in range(6):
        limits.take("one")
    with pytest.raises(ThrottledError):
        limits.take("one")


def test_so_many_at_once_of_each_and_of_all(clock) -> None:
    limits, told = limits_of(clock, at_once=3, at_once_each=2)
    with limits.through("one"), limits.through("one"):
        with pytest.raises(ThrottledError, match=r"mcp\.at_once_each: 2"), limits.through("one"):
            pass
        with (
            limits.through("another"),
            pytest.raises(ThrottledError, match=r"mcp\.at_once: 3"),
            limits.through("a third"),
        ):
            pass
    with limits.through("one"):
        pass
    assert told[-1] == 0
    assert max(told) == 3


def test_who_asks_nothing_is_forgotten(clock) -> None:
    limits, _ = limits_of(clock)
    for number in range(1000):
        limits.take(f"token {number}")
        clock.move(1)

    assert len(limits._rate._left) <= 101
