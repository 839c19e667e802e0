"""Stage approve: a person is asked, for exactly this plan on the target as it is now, and waited for.

What binds is a hash over plan, target, observed state and undo. Where the target is not as it was shown any more, the
request is made anew and what was granted is void. People grant through the commands; this stage only looks at the
result, and takes the request back when its reason is gone or its time is over.

A condition that comes and goes is no reason to ask again and again: the request stays for a while without it. It may be
approved meanwhile; whether it holds is asked once more before anything is done.
"""

from dataclasses import replace
from datetime import datetime

from aetherlink.model import approvals
from aetherlink.model.actions import (
    Action,
    ActionState,
    Approval,
    Limits,
    Observation,
    Outcome,
    OutcomeStatus,
    Plan,
    Release,
    Replicas,
    Requested,
    StartedAfter,
    Verb,
    Wish,
)
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.decisions import Evidence, EvidenceStatus
from aetherlink.model.dependents import has_started_since
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.snapshots import changed_since
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import decide, dependents
from aetherlink.pipeline.plan import is_outdated
from aetherlink.pipeline.step import Case, Continue, Step, Wait, World
from aetherlink.pipeline.strangers import beside

ALLOWED_AT = "allowed_at"
"""The key of Action.facts: when the last yes came, for an action that people were asked for."""

_GONE_SINCE = "condition_gone_since"  # the key of Action.facts


async def run(world: World, case: Case) -> Step:
    """Continue to act once everybody who is needed has said yes; ask, ask anew, or take the request back."""
    return await dependents.after_failure(world, case, await _looked_after(world, case))


async def _looked_after(world: World, case: Case) -> Step:
    action = case.action
    if action is None or action.state is not ActionState.WAITING_APPROVAL:
        return Step(Continue(Stage.WATCH))
    now = world.clock.now()
    if action.plan.alert_id and case.planned is None and action.plan.chain is None:
        return _withdrawn(action, now, "its alert does not fire any more, or is silenced or inhibited")
    if why := await _changed_since(world, case.incident, action.plan):
        return _withdrawn(action, now, why)
    if action.approval is not None and action.approval.is_complete:
        return _allowed(action, action.approval)
    if _is_over(world, action, now):
        return _expired(action, now)
    step = await _waiting(world, case.incident, case.planned, action)
    return beside(world, case, step) or step if isinstance(step.move, Wait) else step


async def _changed_since(world: World, incident: Incident, plan: Plan) -> str:
    """Why a yes to taking back what a person wants taken back would destroy what came after it; empty: it would not."""
    if plan.restores is None:
        return ""
    seen = await world.briefing.seen(plan, anew=True)
    standing = await world.store.read(lambda tx: world.briefing.standing(tx, plan, incident.source))
    return "" if standing.left is None else changed_since(standing.left, seen[plan.target].observation)


def _is_over(world: World, action: Action, now: datetime) -> bool:
    """Whether its time is over; one that nobody could be asked for yet has as much, from its beginning."""
    if action.approval is not None:
        return action.approval.is_over(now)
    return now - action.created_at >= world.consent.expires_after


async def _waiting(world: World, incident: Incident, planned: StoredAlert | None, action: Action) -> Step:
    """Look whether everything is still as it was shown, or look for the first time."""
    if await _is_outdated(world, incident, planned, action.plan):
        return _withdrawn(action, world.clock.now(), "its playbook or its target has changed")
    findings = await decide.find_out(world, incident.source, action.plan, anew=True)
    shown, now = findings.evidence, world.clock.now()
    noted = _with_condition(action, shown, now)
    if shown is not None and shown.status is EvidenceStatus.DOES_NOT_HOLD and not _stays(world, noted, now):
        return _withdrawn(action, now, f"its condition does not hold any more: {shown.detail}")
    seen, chain = findings.seen[action.plan.target].observation, action.plan.chain
    if seen is None or action.plan.target not in world.targets:
        return Step(Wait(now + world.options.redecide_interval))
    if chain is not None and has_started_since(seen, chain):
        return _withdrawn(action, now, "it has started anew meanwhile")
    step = _asked(world, incident, noted, asked(world, incident, noted, seen, shown), seen)
    return step if step.action is not None or noted is action else replace(step, action=noted)


async def _is_outdated(world: World, incident: Incident, planned: StoredAlert | None, plan: Plan) -> bool:
    """Whether it would not be planned like this any more."""
    if plan.chain is not None:
        return bool(dependents.over(world, plan, plan.chain))
    return await is_outdated(world, incident, planned, plan)


def _with_condition(action: Action, shown: Evidence | None, now: datetime) -> Action:
    """The action with the instant since which its condition does not hold; without data that stays as it was."""
    gone_since = action.facts.get(_GONE_SINCE)
    match None if shown is None else shown.status:
        case EvidenceStatus.DOES_NOT_HOLD if gone_since is None:
            return replace(action, facts={**action.facts, _GONE_SINCE: now.isoformat()})
        case EvidenceStatus.HOLDS if gone_since is not None:
            return replace(action, facts={key: each for key, each in action.facts.items() if key != _GONE_SINCE})
        case _:
            return action


def _stays(world: World, action: Action, now: datetime) -> bool:
    """Whether people who were asked go on being asked, although the condition does not hold now."""
    since = datetime.fromisoformat(str(action.facts.get(_GONE_SINCE, now.isoformat())))
    return action.approval is not None and abs(now - since) < world.consent.stays_for


def asked(world: World, incident: Incident, action: Action, seen: Observation, evidence: Evidence | None) -> Approval:
    """The request for approval of the action on its target as it is seen now, granted by nobody yet."""
    now, needed, seal = world.clock.now(), _needed(world, incident, action.plan), world.ids.secret()
    shown = approvals.shown_of(
        action.plan,
        world.targets[action.plan.target],
        seen,
        evidence="" if evidence is None else f"{action.plan.evidence_words} shows {evidence.status}: {evidence.detail}",
        undo=_undo_words(action.plan, seen),
        needed=needed,
        asked_at=now,
        seal=seal,
    )
    end, chain = now + world.consent.expires_after, action.plan.chain
    end = end if chain is None else min(end, dependents.end_of(world, chain))
    return Approval(approvals.hash_of(shown), now, end, shown, needed, seal=seal)


def _needed(world: World, incident: Incident, plan: Plan) -> int:
    """How many people have to say yes."""
    return 2 if world.briefing.is_for_vip(plan, incident) and world.consent.second_person_for_vip else 1


def is_as_shown(world: World, incident: Incident, action: Action, seen: Observation) -> bool:
    """Whether plan, target and the number of people needed are still what the action's request shows."""
    plan, approval = action.plan, action.approval
    if approval is None or plan.target not in world.targets:
        return False
    shown = approvals.shown_of(
        plan,
        world.targets[plan.target],
        seen,
        evidence="",
        undo=_undo_words(plan, seen),
        needed=_needed(world, incident, plan),
        asked_at=approval.asked_at,
        seal=approval.seal,
    )
    return approvals.is_still(approval, shown)


def drifted(action: Action, anew: Approval) -> Step:
    """The request made anew, because the target is not as it was shown any more; nothing that was granted counts."""
    again = replace(action, state=ActionState.WAITING_APPROVAL, approval=anew)
    text = f"{action.plan.words}: {action.plan.target} is not as it was shown any more; the request is made anew"
    entry = Entry(EventKind.DRIFTED, anew.asked_at, text, _facts(again))
    return Step(Continue(Stage.APPROVE), (entry,), action=again)


def _asked(world: World, incident: Incident, action: Action, now: Approval, seen: Observation) -> Step:
    """A first request, one that stands as it is, or one made anew."""
    earlier = action.approval
    again = world.clock.now() + world.options.redecide_interval
    if earlier is not None and is_as_shown(world, incident, action, seen):
        return Step(Wait(min(earlier.expires_at, again)))
    if earlier is not None:
        anew = replace(now, expires_at=earlier.expires_at)  # drifting makes no request live longer
        return replace(drifted(action, anew), move=Wait(min(anew.expires_at, again)))
    people = "two people have" if now.needed > 1 else "a person has"
    until = f"until {now.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    text = f"{people} to approve {action.plan.words} {until} ({action.decision.reason})"
    requested = replace(action, approval=now)
    entry = Entry(EventKind.APPROVAL_ASKED, now.asked_at, text, {**_facts(requested), "incident": incident.id})
    return Step(Wait(min(now.expires_at, again)), (entry,), action=requested)


def _allowed(action: Action, approval: Approval) -> Step:
    facts = {**action.facts, ALLOWED_AT: approval.completed_at.isoformat()}
    return Step(Continue(Stage.ACT), action=replace(action, state=ActionState.ALLOWED, facts=facts))


def _expired(action: Action, now: datetime) -> Step:
    over = _ended(action, now, "nobody approved it in time")
    told = (
        Entry(EventKind.EXPIRED, now, f"{action.plan.words}: nobody approved it in time", _facts(action)),
        Entry(EventKind.ESCALATED, now, f"a person has to look: nobody approved {action.plan.words} in time"),
    )
    return Step(Continue(Stage.WATCH), told, action=over, escalated=True, hands_off=True)


def _withdrawn(action: Action, now: datetime, reason: str) -> Step:
    """The plan is decided again after a while: perhaps its reason comes back."""
    over = _ended(action, now, reason)
    entry = Entry(EventKind.DENIED, now, f"{action.plan.words}: the request is taken back, {reason}", _facts(action))
    return Step(Continue(Stage.DECIDE), (entry,), action=over)


def _ended(action: Action, now: datetime, reason: str) -> Action:
    outcome = Outcome(OutcomeStatus.NOT_NEEDED, f"not carried out: {reason}")
    return replace(action, state=ActionState.REFUSED, finished_at=now, outcome=outcome)


def _undo_words(plan: Plan, seen: Observation) -> str:
    """What undo would do, for a person to read before saying yes."""
    if not plan.undo:
        return "nothing: it is not undone"
    match seen.restoring(_rough_wish(plan, seen)):
        case Replicas(count):
            return f"scale {plan.target} to {count}"
        case Release(name):
            return f"roll {plan.target} back to {name}"
        case Limits() as limits:
            return f"limit {plan.target} to {limits.words}"
        case _:
            return f"nothing: {plan.verb} cannot be undone"


def _rough_wish(plan: Plan, seen: Observation) -> Wish:
    """What the plan would wish if it were carried out now."""
    match plan.verb:
        case Verb.RESTART:
            return StartedAfter(seen.oldest_start) if seen.oldest_start else Replicas(seen.wanted)
        case Verb.SCALE:
            return Replicas(plan.replicas or 0)
        case Verb.ROLLBACK:
            return Release(plan.release or seen.previous_release)
        case Verb.LIMITS:
            return plan.limits
        case Verb.HTTP:
            return Requested(plan.request, key="")


def _facts(action: Action) -> dict[str, object]:
    known: dict[str, object] = {
        "action_id": action.id,
        "verb": action.plan.verb.value,
        "target": action.plan.target,
    }
    return known if action.approval is None else {**known, "plan_hash": action.approval.plan_hash}
