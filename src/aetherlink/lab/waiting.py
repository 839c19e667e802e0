"""Waiting for something outside of this process that sends no word of its own: by looking, often, with an end."""

import asyncio
import math
from collections.abc import Callable

_PAUSE = 0.05


async def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """True as soon as the condition holds; False when it does not within so many seconds."""
    for _ in range(math.ceil(seconds / _PAUSE)):
        if condition():
            return True
        await asyncio.sleep(_PAUSE)
    return condition()
