"""T12: what is wrong with a token tells nobody how near it was, and two of a name are valid at a time, no more.

What each token may do, on every route, stands in tests/acceptance/api/test_api_access.py.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence

import pytest

from aetherlink.access.digests import digest_of
from aetherlink.access.gate import Gate
from aetherlink.access.options import AuthOptions
from aetherlink.access.tokens import VALID_AT_A_TIME, TokenBook
from aetherlink.errors import ConflictError, UnauthenticatedError
from aetherlink.lib.ids import SortableIds
from aetherlink.model.principals import Principal, Scope
from aetherlink.store.database import SqlStore
from aetherlink.testing import ManualClock

SECRET = "aek_" + "N3ither-near-nor-far_" * 2 + "x"
HOLDER = Principal("grafana", frozenset({Scope.READ}))
SAMPLES = 100_000
ALIKE = 6  # characters of a hex digest that two of a few may begin with by chance


@pytest.fixture
def book(store: SqlStore) -> TokenBook:
    return TokenBook(store, clock=ManualClock(), ids=SortableIds(), fixed={digest_of(SECRET): HOLDER})


def wrong_at(place: int) -> str:
    """The secret with another character there."""
    characters = list(SECRET)
    characters[place] = "y" if characters[place] != "y" else "z"
    return "".join(characters)


class Untouchable(str):
    """Text that may be encoded, and neither compared nor looked up."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a token was compared")

    def __hash__(self) -> int:
        raise AssertionError("a token was looked up")


NEARLY = {
    "the first character": wrong_at(0),
    "the first after the prefix": wrong_at(4),
    "one in the middle": wrong_at(20),
    "the last character": wrong_at(len(SECRET) - 1),
    "one too many": SECRET + "x",
    "one too few": SECRET[:-1],
    "the case": SECRET.swapcase(),
    "its digest": digest_of(SECRET),
}


@pytest.mark.parametrize("secret", NEARLY.values(), ids=NEARLY)
def test_t12_a_token_that_is_nearly_right_is_nobodys(book: TokenBook, secret: str) -> None:
    assert book.holder(SECRET) == HOLDER
    assert book.holder(secret) is None


def test_t12_a_token_is_found_by_its_digest_and_never_compared(book: TokenBook) -> None:
    assert book.holder(Untouchable(SECRET)) == HOLDER
    assert book.holder(Untouchable(wrong_at(4))) is None


@pytest.mark.parametrize("secret", NEARLY.values(), ids=NEARLY)
def test_t12_the_digest_of_what_is_nearly_right_is_nowhere_near(secret: str) -> None:
    """So that what a look-up by digest may give away, how many of its characters agree, says nothing of the token."""
    alike = zip(digest_of(secret), digest_of(SECRET), strict=True)

    assert next(place for place, (one, other) in enumerate(alike) if one != other) < ALIKE


async def test_t12_two_tokens_of_a_name_are_valid_for_as_long_as_the_first_is_not_revoked(book: TokenBook) -> None:
    assert VALID_AT_A_TIME == 2
    (old, old_secret), (_, new_secret) = [await book.issue("ci", [Scope.READ], by="operator") for _ in range(2)]
    with pytest.raises(ConflictError, match="2 tokens named 'ci' are valid"):
        await book.issue("ci", [Scope.READ], by="operator")
    assert [book.holder(secret).name for secret in (old_secret, new_secret)] == ["ci", "ci"]

    await book.revoke(old.id)

    assert book.holder(old_secret) is None
    assert book.holder(new_secret) is not None
    _, third_secret = await book.issue("ci", [Scope.READ], by="operator")
    assert book.holder(third_secret) is not None


def refused_after(gate: Gate, secret: str) -> int:
    """Nanoseconds until the door says no."""
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    begun = time.perf_counter_ns()
    try:
        gate.admit(headers, ("127.0.0.1", 1), Scope.READ)
    except UnauthenticatedError:
        return time.perf_counter_ns() - begun
    pytest.fail("the door is open")


def without_tail(samples: Sequence[int]) -> Sequence[int]:
    """Without what the machine did in between: the slowest hundredth."""
    return sorted(samples)[: len(samples) * 99 // 100]


def welch(some: Sequence[int], others: Sequence[int]) -> float:
    spread = statistics.variance(some) / len(some) + statistics.variance(others) / len(others)
    return (statistics.fmean(some) - statistics.fmean(others)) / spread**0.5


@pytest.mark.long
def test_t12_the_time_of_a_refusal_is_told(book: TokenBook, record_property: Callable[[str, object], None]) -> None:
    """A figure and no verdict, for a busy machine has a spread of its own: a |t| of 4.5 or more is worth a look."""
    gate, early, late = Gate(book, options=AuthOptions()), wrong_at(4), wrong_at(len(SECRET) - 1)
    taken: dict[str, list[int]] = {early: [], late: []}
    order = [early, late] * SAMPLES
    random.Random(12).shuffle(order)
    for secret in order:
        taken[secret].append(refused_after(gate, secret))

    t = welch(without_tail(taken[early]), without_tail(taken[late]))
    means = [f"{statistics.fmean(without_tail(samples)):.0f}" for samples in taken.values()]
    record_property(
        "figure", f"refused after {' and '.join(means)} ns, first and last character wrong: |t| {abs(t):.1f}"
    )
    assert {len(samples) for samples in taken.values()} == {SAMPLES}
