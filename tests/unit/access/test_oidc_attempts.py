"""Attempts that wait for an identity provider: each of one browser, good once, for ten minutes, and not too many."""

from datetime import timedelta

import pytest

from aetherlink.access import oidc_attempts as room
from aetherlink.access.digests import digest_of
from aetherlink.access.oidc_attempts import LIFE, MOST, Attempts
from aetherlink.errors import UnauthenticatedError
from aetherlink.testing import ManualClock

MOMENT = timedelta(microseconds=1000)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def attempts(clock: ManualClock) -> Attempts:
    return Attempts(clock)


def test_an_attempt_is_good_once_for_its_browser(attempts: Attempts) -> None:
    attempt, cookie = attempts.begin("/alerts", cookie=None)

    assert attempts.take(attempt.state, cookie=cookie) == attempt
    with pytest.raises(UnauthenticatedError, match="belongs to no attempt"):
        attempts.take(attempt.state, cookie=cookie)


def test_another_browser_takes_nothing_and_uses_nothing_up(attempts: Attempts) -> None:
    attempt, cookie = attempts.begin("/", cookie=None)
    _, other = attempts.begin("/", cookie=None)

    for wrong in (None, "", other, cookie[:-1], cookie + "x"):
        with pytest.raises(UnauthenticatedError):
            attempts.take(attempt.state, cookie=wrong)
    assert attempts.take(attempt.state, cookie=cookie) == attempt


def test_it_is_over_after_its_life(attempts: Attempts, clock: ManualClock) -> None:
    early, cookie = attempts.begin("/", cookie=None)
    late, other = attempts.begin("/", cookie=None)

    clock.move((LIFE - MOMENT).total_seconds())
    assert attempts.take(early.state, cookie=cookie) == early
    clock.move(MOMENT.total_seconds())
    with pytest.raises(UnauthenticatedError):
        attempts.take(late.state, cookie=other)
    assert not attempts.waits_for(other)


def test_a_browser_keeps_its_cookie_while_it_waits_and_brings_none_of_its_own(attempts: Attempts) -> None:
    _, cookie = attempts.begin("/", cookie=None)

    second, same = attempts.begin("/", cookie=cookie)
    _, fresh = attempts.begin("/", cookie="aeo_" + "p" * 43)

    assert same == cookie
    assert fresh != "aeo_" + "p" * 43
    assert attempts.take(second.state, cookie=cookie) == second


def test_a_wish_is_told_to_its_browser_only_and_after_the_end_too(attempts: Attempts, clock: ManualClock) -> None:
    attempt, cookie = attempts.begin("/alerts", cookie=None)
    _, other = attempts.begin("/", cookie=None)

    clock.move(LIFE.total_seconds())
    assert attempts.wish_of(attempt.state, cookie=cookie) == "/alerts"
    assert {attempts.wish_of(attempt.state, cookie=each) for each in (None, "", other)} == {"/"}
    assert attempts.wish_of("x", cookie=cookie) == "/"


def test_what_else_the_browser_waits_for_ends_the_session_that_it_has_by_then(attempts: Attempts) -> None:
    first, cookie = attempts.begin("/", cookie=None, session="aes_old")
    second, _ = attempts.begin("/", cookie=cookie, session="aes_old")
    foreign, other = attempts.begin("/", cookie=None, session="aes_other")
    assert first.session == second.session == digest_of("aes_old")

    attempts.replaced(attempts.take(first.state, cookie=cookie), "new")

    assert attempts.take(second.state, cookie=cookie).session == "new"
    assert attempts.take(foreign.state, cookie=other).session == digest_of("aes_other")


def test_nothing_of_two_attempts_is_the_same_and_a_verifier_is_long_enough(attempts: Attempts) -> None:
    made = [attempts.begin("/", cookie=None)[0] for _ in range(3)]

    said = {text for one in made for text in (one.state, one.nonce, one.verifier, one.browser)}
    assert len(said) == 12
    assert all(43 <= len(one.verifier) <= 128 for one in made)  # RFC 7636
    assert all(one.state not in repr(one) and one.verifier not in repr(one) for one in made)


def test_of_too_many_the_oldest_goes(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 3)
    made = [attempts.begin("/", cookie=None) for _ in range(4)]

    assert len(attempts._waiting) == 3
    with pytest.raises(UnauthenticatedError):
        attempts.take(made[0][0].state, cookie=made[0][1])
    assert attempts.take(made[1][0].state, cookie=made[1][1])


def test_as_many_fit_as_may_begin_within_their_life() -> None:
    from aetherlink.access.oidc import BEGUN_IN_ALL  # noqa: PLC0415 - beside what it is compared with

    windows = LIFE.total_seconds() / 60 + 1
    assert windows * BEGUN_IN_ALL <= MOST
