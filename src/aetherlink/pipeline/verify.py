"""Stage verify: the alarm's own signal, on samples newer than the action, for long enough, within the deadline.

Three verdicts. Recovered: it held for long enough. Not recovered: the time is over and it does not hold; then the next
step of the playbook is tried, or the repair is undone where it can be, and the target is left alone until a person lets
go of it. Cannot tell: no data, which is neither good news nor bad news, and never success; nothing is undone for it. A
target that is still coming up is given as much time once more.

Where the playbook does not say for how long it has to hold, it has to for as long as two samples are apart, or where
nobody knows that until a newer sample shows it, too, so that one sample alone proves nothing: for half of its time at
most. Without data nobody gives up before two samples could have come.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from aetherlink.errors import AetherError
from aetherlink.model.actions import VERDICT_FACT, Action, Plan, Verdict
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import aftermath, patience, start_anew
from aetherlink.pipeline.step import Case, Continue, Step, Wait, World
from aetherlink.pipeline.undo import undoing

_BLIND = frozenset({EvidenceStatus.NO_DATA, EvidenceStatus.ERROR})
_LOOK = timedelta(seconds=5)


async def run(world: World, case: Case) -> Step:
    """Look again soon, until there is a verdict; then on to the next step, to undo, or to watch."""
    action = case.action
    if action is not None and action.plan.chain is not None:
        return await start_anew.run(world, case, action, action.plan.chain)
    if action is None or action.finished_at is None or not action.plan.verify:
        return Step(Continue(Stage.WATCH))
    evidence = await world.probe.check(case.incident.source, action.plan.verify, newer_than=action.finished_at)
    now = world.clock.now()
    within = timedelta(seconds=action.plan.verify_within_seconds)
    is_ahead = action.finished_at - now > within  # then no sample can be told from those before the action
    if is_ahead and evidence.status is not EvidenceStatus.HOLDS:
        evidence = replace(evidence, status=EvidenceStatus.NO_DATA, detail="the clock was set back meanwhile")
        return await _ended(world, await _not_recovered(world, case, action, evidence))
    since = (case.incident.verified_since or now) if evidence.status is EvidenceStatus.HOLDS else None
    if since is not None and now - since >= _needed(action.plan, evidence, since):
        return await _ended(world, await _recovered(world, case, action, evidence, since))
    is_over = now - action.finished_at >= _patience(within, evidence)
    if since is None and is_over and not await _is_coming_up(world, action, within):
        return await _ended(world, await _not_recovered(world, case, action, evidence))
    first = () if case.incident.verified_since or since is None else (_holding(action.plan, evidence, now),)
    return Step(Wait(now + world.options.verify_interval), first, verified_since=since)


def _needed(plan: Plan, evidence: Evidence, since: datetime) -> timedelta:
    """For how long it has to hold, having held since then.

    A sample newer than the first look is another one than that look saw: nothing has to be known to tell so.
    """
    if plan.verify_for_seconds:
        return timedelta(seconds=plan.verify_for_seconds)
    most = timedelta(seconds=plan.verify_within_seconds) / 2
    if evidence.spacing is not None:
        return min(evidence.spacing, most)
    is_another = evidence.sample_at is not None and evidence.sample_at > since
    return timedelta(0) if is_another else most


def _patience(within: timedelta, evidence: Evidence) -> timedelta:
    """How long after the action there is no verdict yet, as long as it does not hold.

    Twice the playbook's time at most: for longer the rule `target_is_free` keeps nobody off the target.
    """
    if evidence.status is not EvidenceStatus.NO_DATA or evidence.spacing is None:
        return within
    return min(max(within, 2 * evidence.spacing), 2 * within)


async def _ended(world: World, step: Step) -> Step:
    """With the verdict the alert may be heard of again."""
    if world.silencer is not None and step.action is not None and step.action.plan.silence:
        await world.silencer.lift(step.action.id)
    return step


async def _is_coming_up(world: World, action: Action, within: timedelta) -> bool:
    """Whether the target is still on its way up: then it gets as much time once more, and not again."""
    target = world.targets.get(action.plan.target)
    if target is None or action.finished_at is None or world.clock.now() - action.finished_at >= 2 * within:
        return False
    try:
        seen = await world.executors[target.executor].observe(target, deadline=_LOOK)
    except AetherError:
        return False
    return seen.ready < seen.wanted


def _facts(action: Action, evidence: Evidence) -> dict[str, object]:
    return {
        "action_id": action.id,
        "query": evidence.query,
        "status": evidence.status.value,
        "detail": evidence.detail,
        "sample_at": None if evidence.sample_at is None else evidence.sample_at.isoformat(),
    }


def _holding(plan: Plan, evidence: Evidence, now: datetime) -> Entry:
    needed = f"{_needed(plan, evidence, now).total_seconds():g} s"
    is_known = plan.verify_for_seconds or evidence.spacing is not None
    needed = f"for {needed}" if is_known else f"until a newer sample shows it, {needed} at most"
    text = f"`{evidence.query}` holds on fresh samples; it has to hold {needed}"
    return Entry(EventKind.VERIFYING, now, text)


def _judged(action: Action, verdict: Verdict) -> Action:
    return replace(action, facts={**action.facts, VERDICT_FACT: verdict.value})


async def _recovered(world: World, case: Case, action: Action, evidence: Evidence, since: datetime) -> Step:
    now = world.clock.now()
    needed = _needed(action.plan, evidence, since).total_seconds()
    text = f"the repair worked: `{evidence.query}` has held {f'for {needed:g} s' if needed else 'on two samples'}"
    verified = Entry(EventKind.VERIFIED, now, text, _facts(action, evidence))
    judged = patience.noted(_judged(action, Verdict.RECOVERED), now)
    following = await aftermath.following(world, case, judged)
    return aftermath.after(following or Step(Continue(Stage.WATCH)), verified, action=judged)


async def _not_recovered(world: World, case: Case, action: Action, evidence: Evidence) -> Step:
    now = world.clock.now()
    within = f"within {action.plan.verify_within_seconds:g} s"
    facts = _facts(action, evidence)
    if evidence.status in _BLIND:
        text = f"nobody can tell whether the repair worked: {evidence.detail} ({within})"
        judged = _judged(action, Verdict.CANNOT_TELL)
        told = Entry(EventKind.CANNOT_TELL, now, text, facts)
        return aftermath.after(aftermath.left_alone(judged, text, now), told, action=judged)
    text = f"the repair did not help: `{evidence.query}` did not hold {within}"
    judged = _judged(action, Verdict.NOT_RECOVERED)
    told = Entry(EventKind.NOT_RECOVERED, now, text, facts)
    if undoing(judged) is not None:
        return Step(Continue(Stage.UNDO), (told,), action=judged)
    return aftermath.after(await aftermath.given_up(world, case, judged, text), told, action=judged)
