"""Whether the first source scrapes this agent: else nobody sees when it is down."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial

from aetherlink import outside
from aetherlink.doctor.findings import Finding, fault, not_checked, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError
from aetherlink.model.queries import QueryAnswer

_QUERY = "process_start_time_seconds and on (job, instance) aether_agent_build_info"
_DOWN = 'up{job=~".*aether.*"} == 0'
_SAME = 1.0  # seconds between two ways of writing one start
_FIX = "add the scrape job of docs/how-to/check-an-installation.md, for {}/metrics"


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    source = ground.settings.sources[0]
    yield Look(f"{source.prometheus} of source {source.name}", partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    async with aclosing(outside.prometheus(ground.settings.sources[0], ground.settings.clients)) as client:
        try:
            found, down = await client.instant(_QUERY), await client.instant(_DOWN)
        except AetherError:
            return [not_checked("whether it scrapes the agent: it does not answer")]
    fix = _FIX.format(ground.agent.address)
    if not found.samples:
        failing = [f"job {labels.get('job')}, {labels.get('instance')}" for labels, _ in down.samples]
        if failing:
            return [fault(f"it cannot scrape the agent: {some(failing)}", "its page /targets says why")]
        return [fault("it does not scrape the agent: nobody will see when it is down", fix)]
    return [await _is_this_one(ground, found, fix)]


async def _is_this_one(ground: Ground, found: QueryAnswer, fix: str) -> Finding:
    """The start of a process is as good as its name: it tells this agent from others of its kind."""
    try:
        began = await ground.agent.metric("process_start_time_seconds")
    except AetherError:
        return ok("it scrapes an agent; whether it is this one is not known, for this one is not reached")
    for labels, start in found.samples:
        if began is not None and start is not None and abs(start - began) <= _SAME:
            return ok(f"it scrapes this agent, as job {labels.get('job')}, instance {labels.get('instance')}")
    others = [str(labels.get("instance")) for labels, _ in found.samples]
    return warning(
        f"it scrapes an agent, and not this one: {some(others)}", f"where it started just now, wait; else {fix}"
    )
