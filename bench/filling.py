"""Fills an agent's store with alerts, through its front door."""

from itertools import count

from bench import load
from bench.load import Load, LoadError
from bench.processes import Server

_ALERTS = 1000  # a POST
_SECONDS = 10.0
_TAIL = 5.0  # such a POST may open a thousand incidents
_FIRST_SEED = 10_000  # beyond those of the measured loads


async def fill(server: Server, alerts: int, *, services: int = 50) -> int:
    """Post fresh firing alerts until so many are acknowledged; how many. Raises LoadError."""
    acknowledged = 0
    for seed in count(_FIRST_SEED):
        missing = alerts - acknowledged
        if missing <= 0:
            break
        size = min(_ALERTS, missing)
        plan = Load(seed=seed, alerts=size, seconds=_SECONDS, tail=_TAIL, posts=missing // size, services=services)
        acknowledged += (await _clean(server, plan)).acknowledged
    return acknowledged


async def _clean(server: Server, plan: Load) -> load.Measured:
    measured = await load.run(server.webhook, plan)
    if not measured.acknowledged:
        raise LoadError(f"nothing of {plan} was answered with 2xx: {measured}")
    return measured
