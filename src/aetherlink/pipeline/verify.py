"""Stage verify: the alarm's own signal, on samples newer than the action, for long enough, within the deadline.

No data is neither good news nor bad news: it never counts as recovered, and when the deadline passes without an answer
the timeline says that nobody can tell.
"""

from datetime import datetime, timedelta

from aetherlink.model.actions import Action, Plan
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.incidents import Stage
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import patience
from aetherlink.pipeline.step import Case, Continue, Step, Wait, World

_BLIND = frozenset({EvidenceStatus.NO_DATA, EvidenceStatus.ERROR})


async def run(world: World, case: Case) -> Step:
    """Continue to watch once it is verified or the deadline has passed; else look again soon."""
    action = case.action
    if action is None or action.finished_at is None or not action.plan.verify:
        return Step(Continue(Stage.WATCH))
    evidence = await world.probe.check(case.incident.source, action.plan.verify, newer_than=action.finished_at)
    now = world.clock.now()
    since = (case.incident.verified_since or now) if evidence.status is EvidenceStatus.HOLDS else None
    if since is not None and now - since >= timedelta(seconds=action.plan.verify_for_seconds):
        return _verified(action, evidence, now)
    if since is None and now - action.finished_at >= timedelta(seconds=action.plan.verify_within_seconds):
        return _not_verified(action, evidence, now)
    first = () if case.incident.verified_since or since is None else (_holding(action.plan, evidence, now),)
    return Step(Wait(now + world.options.verify_interval), first, verified_since=since)


def _facts(action: Action, evidence: Evidence) -> dict[str, object]:
    return {
        "action_id": action.id,
        "query": evidence.query,
        "status": evidence.status.value,
        "detail": evidence.detail,
        "sample_at": None if evidence.sample_at is None else evidence.sample_at.isoformat(),
    }


def _holding(plan: Plan, evidence: Evidence, now: datetime) -> Entry:
    text = f"`{evidence.query}` holds on fresh samples; it has to hold for {plan.verify_for_seconds:g} s"
    return Entry(EventKind.VERIFYING, now, text)


def _verified(action: Action, evidence: Evidence, now: datetime) -> Step:
    text = f"the repair worked: `{evidence.query}` has held for {action.plan.verify_for_seconds:g} s"
    verified = Entry(EventKind.VERIFIED, now, text, _facts(action, evidence))
    return Step(Continue(Stage.WATCH), (verified,), action=patience.noted(action, now))


def _not_verified(action: Action, evidence: Evidence, now: datetime) -> Step:
    within = f"within {action.plan.verify_within_seconds:g} s"
    if evidence.status in _BLIND:
        text = f"nobody can tell whether the repair worked: {evidence.detail} ({within})"
    else:
        text = f"the repair did not help: `{evidence.query}` did not hold {within}"
    facts = _facts(action, evidence)
    entries = (
        Entry(EventKind.NOT_RECOVERED, now, text, facts),
        Entry(EventKind.ESCALATED, now, "a person has to look; this target is not tried again for this incident"),
    )
    return Step(Continue(Stage.WATCH), entries, escalated=True, hands_off=True)
