"""Waiting for something outside of this task that sends no word of its own."""

import asyncio
import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")

_PAUSE = 0.05


async def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """True as soon as the condition holds; False when it does not within so many seconds."""
    for _ in range(math.ceil(seconds / _PAUSE)):
        if condition():
            return True
        await asyncio.sleep(_PAUSE)
    return condition()


async def to_its_end(work: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
    """Run it on a thread, which no cancellation ends: who is cancelled meanwhile goes on only when it is over.

    For work that must not run beside another try of itself.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
