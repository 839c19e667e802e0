"""What may be held of bodies at the same time is bounded; small ones are read all the same."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from aetherlink.errors import OverloadedError
from aetherlink.intake.bodies import Bodies, Receive, TooLargeError, TooSlowError
from aetherlink.intake.options import IntakeOptions

KIB = 1024
LARGEST = 200 * KIB


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(
        IntakeOptions(max_body_bytes=LARGEST, bodies_bytes=250 * KIB, body_deadline=timedelta(milliseconds=200))
    )


def sent(pieces: Sequence[bytes], *, ends: bool = True) -> Receive:
    """What arrives piece by piece; the last may never come."""
    left = list(pieces)

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left) or not ends}

    return receive


def of(length: int) -> Receive:
    return sent([b"a" * length])


async def test_a_body_comes_in_pieces(bodies: Bodies) -> None:
    assert await bodies.read({}, sent([b"ab", b"", b"c"])) == b"abc"


async def test_beyond_the_bound_on_all_of_them_a_large_one_is_turned_away_until_one_is_released(bodies: Bodies) -> None:
    first = await bodies.read({}, of(LARGEST))

    with pytest.raises(OverloadedError, match="bodies_bytes"):
        await bodies.read({}, of(LARGEST))
    small = [await bodies.read({}, of(64 * KIB)) for _ in range(100)]
    bodies.release(first)

    assert len(small) == 100
    assert await bodies.read({}, of(LARGEST))


@pytest.mark.parametrize(
    ("receive", "problem"),
    [
        (sent([b"a" * LARGEST, b"a"]), TooLargeError),
        (sent([b"a" * LARGEST], ends=False), TooSlowError),
        (sent([b"a" * LARGEST, b"a" * LARGEST]), TooLargeError),
    ],
    ids=["too large", "too slow", "far too large"],
)
async def test_what_was_not_read_to_its_end_holds_nothing(
    bodies: Bodies, receive: Receive, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await bodies.read({}, receive)

    bodies.release(await bodies.read({}, of(LARGEST)))
    assert await bodies.read({}, of(LARGEST))


async def test_a_sender_that_is_cancelled_holds_nothing(bodies: Bodies) -> None:
    reading = asyncio.create_task(bodies.read({}, sent([b"a" * LARGEST], ends=False)))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])

    assert await bodies.read({}, of(LARGEST))


def test_the_bound_has_room_for_the_largest_body() -> None:
    with pytest.raises(ValueError, match="above bodies_bytes"):
        IntakeOptions(max_body_bytes=2048, bodies_bytes=1024)
