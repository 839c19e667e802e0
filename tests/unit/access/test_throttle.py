"""The throttle: who tries too often waits, who is right does not count, and what is remembered is bounded."""

import pytest

from aetherlink.access.throttle import IN_ALL, PER_ADDRESS, WINDOW, SignInThrottle
from aetherlink.errors import ThrottledError
from aetherlink.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttle(clock: ManualClock) -> SignInThrottle:
    return SignInThrottle(clock)


def fail(throttle: SignInThrottle, address: str, times: int = PER_ADDRESS) -> None:
    for _ in range(times):
        throttle.take(address)


def test_after_too_many_an_address_waits_for_the_rest_of_the_window(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    fail(throttle, "192.0.2.1")
    clock.move((WINDOW / 3).total_seconds())
    with pytest.raises(ThrottledError) as refusal:
        throttle.take("192.0.2.1")
    assert refusal.value.wait == WINDOW / 3 * 2
    throttle.take("192.0.2.2")

    clock.move((WINDOW / 3 * 2).total_seconds())

    throttle.take("192.0.2.1")


def test_what_was_right_does_not_count(throttle: SignInThrottle) -> None:
    for _ in range(PER_ADDRESS * 3):
        throttle.take("192.0.2.1")
        throttle.give_back("192.0.2.1")

    fail(throttle, "192.0.2.1")


def test_there_is_a_bound_in_all_and_so_on_what_is_remembered(throttle: SignInThrottle) -> None:
    for number in range(IN_ALL):
        throttle.take(f"198.51.{number // 256}.{number % 256}")

    with pytest.raises(ThrottledError):
        throttle.take("203.0.113.1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("", "testclient"),
    ],
)
def test_what_is_one_network_is_one_place(throttle: SignInThrottle, one: str, other: str) -> None:
    fail(throttle, one)

    with pytest.raises(ThrottledError):
        throttle.take(other)


def test_the_next_network_is_another_place(throttle: SignInThrottle) -> None:
    fail(throttle, "2001:db8::1")

    throttle.take("2001:db8:0:1::1")
