"""Stage watch: nothing more to do by itself; the incident closes when no alert of it fires any more."""

from aetherlink.model.incidents import Origin
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Finish, Step, Wait, World


async def run(world: World, case: Case) -> Step:
    """Finish when it is over, else wait to be woken."""
    incident = case.incident
    if case.firing or incident.origin is Origin.HEALTH:  # a good score closes what a low one opened
        return Step(Wait())
    now = world.clock.now()
    seconds = (now - incident.opened_at).total_seconds()
    text = f"resolved after {seconds:.1f} s" if incident.origin is Origin.ALERT else "the request is done with"
    return Step(Finish(), (Entry(EventKind.RESOLVED, now, text, {"seconds": seconds}),))
