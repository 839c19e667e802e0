"""Whether a dependent that was restarted is up again. It has no alert of its own that could say so: its executor does.

All that is wanted of it is ready, which for a container with a health check means healthy, and has started after the
repair that it follows. It has to stay so for `verify.for` of the playbook's step, over two looks at least, without
being started anew meanwhile. What is still coming up gets `verify.within` twice.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.model.actions import VERDICT_FACT, Action, Chain, Observation, StartedAfter, Verdict
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import aftermath, dependents, patience
from aetherlink.pipeline.choice import LOOK
from aetherlink.pipeline.step import Case, Step, Wait, World

_UP_SINCE = "up_since"  # the key of Action.facts: the oldest start of what was seen to be up


@dataclass(frozen=True, slots=True)
class _Look:
    """What the executor showed; None: it could not be looked at, and `problem` says why."""

    seen: Observation | None
    problem: str = ""

    def is_up(self, chain: Chain) -> bool:
        return self.seen is not None and self.seen.ready > 0 and self.seen.shows(StartedAfter(chain.since))

    @property
    def start(self) -> str:
        return "" if self.seen is None or self.seen.oldest_start is None else self.seen.oldest_start.isoformat()

    @property
    def words(self) -> str:
        return self.problem if self.seen is None else f"{self.seen.ready} of {self.seen.wanted} ready"


async def run(world: World, case: Case, action: Action, chain: Chain) -> Step:
    """Look again soon until there is a verdict; then on to the next dependent."""
    look, now = await _look(world, action), world.clock.now()
    finished = action.finished_at or now
    if look.is_up(chain):
        is_same = case.incident.verified_since is not None and action.facts.get(_UP_SINCE) == look.start
        since = (case.incident.verified_since or now) if is_same else now
        if is_same and now - since >= _needed(world, action):
            return await _up(world, case, action, chain, look)
        noted = action if is_same else replace(action, facts={**action.facts, _UP_SINCE: look.start})
        return Step(Wait(now + world.options.verify_interval), action=noted, verified_since=since)
    is_coming_up = look.seen is not None and look.seen.ready < look.seen.wanted
    within = timedelta(seconds=action.plan.verify_within_seconds)
    if abs(now - finished) < (2 * within if is_coming_up else within):
        return Step(Wait(now + world.options.verify_interval))
    return await _down(world, case, action, look, within=within)


async def _look(world: World, action: Action) -> _Look:
    target = world.targets.get(action.plan.target)
    if target is None:
        return _Look(None, f"the target {action.plan.target} is not in the settings any more")
    try:
        return _Look(await world.executors[target.executor].observe(target, deadline=LOOK))
    except AetherError as problem:
        return _Look(None, f"it cannot be looked at: {problem}")


def _needed(world: World, action: Action) -> timedelta:
    return max(timedelta(seconds=action.plan.verify_for_seconds), world.options.verify_interval)


async def _up(world: World, case: Case, action: Action, chain: Chain, look: _Look) -> Step:
    now = world.clock.now()
    text = f"{action.plan.target} has started after {chain.target} was repaired, and is up: {look.words}"
    verified = Entry(EventKind.VERIFIED, now, text, _facts(action, look))
    judged = patience.noted(_judged(action, Verdict.RECOVERED), now)
    return aftermath.after(await dependents.came_up(world, case, action.plan, chain), verified, action=judged)


async def _down(world: World, case: Case, action: Action, look: _Look, *, within: timedelta) -> Step:
    now: datetime = world.clock.now()
    verdict = Verdict.CANNOT_TELL if look.seen is None else Verdict.NOT_RECOVERED
    kind = EventKind.CANNOT_TELL if look.seen is None else EventKind.NOT_RECOVERED
    text = f"{action.plan.target} did not come up within {within.total_seconds():g} s of its restart: {look.words}"
    judged = _judged(action, verdict)
    failed = aftermath.left_alone(judged, text, now)
    step = aftermath.after(failed, Entry(kind, now, text, _facts(action, look)), action=judged)
    return await dependents.after_failure(world, case, step)


def _judged(action: Action, verdict: Verdict) -> Action:
    return replace(action, facts={**action.facts, VERDICT_FACT: verdict.value})


def _facts(action: Action, look: _Look) -> dict[str, object]:
    return {"action_id": action.id, "detail": look.words, "started_at": look.start}
