"""Stage plan: the first playbook that matches a firing alert, bound to that alert's labels."""

import logging
from dataclasses import dataclass, replace

from aetherlink.errors import AetherError, BadRequestError
from aetherlink.lib import promql
from aetherlink.model.actions import Limits, Observation, Plan, Target, Verb
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.dependents import dependents_of
from aetherlink.model.findings import Finding
from aetherlink.model.incidents import Incident, Stage
from aetherlink.model.playbooks import Playbook, PlaybookStep
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline import choice
from aetherlink.pipeline.choice import LOOK, Wanted
from aetherlink.pipeline.step import Case, Continue, Step, Wait, World, is_of_another_content
from aetherlink.pipeline.strangers import before_the_first_known, call, call_for
from aetherlink.playbooks.binding import bind_query

_log = logging.getLogger("aetherlink.pipeline")


async def run(world: World, case: Case) -> Step:
    """Continue to decide with a plan, or to watch when no playbook fits. Each episode of an alert is looked at once."""
    if not case.has_news:
        return Step(Continue(Stage.WATCH))
    strangers = before_the_first_known(world, case)
    called, escalated = call_for(world, case, strangers)
    if strangers == len(case.fresh):
        return Step(Continue(Stage.WATCH), called, planned_through=case.newest, escalated=escalated)
    one = case.fresh[strangers]
    playbook = next(each for each in world.playbooks if each.matches(one.alert.labels))
    step = await _bound(world, case, one, playbook)
    return replace(step, entries=(*called, *step.entries), escalated=step.escalated or escalated)


async def _bound(world: World, case: Case, one: StoredAlert, playbook: Playbook) -> Step:
    if not playbook.steps:
        return _nothing(world, case, f"playbook {playbook.name} matches, and only observes", planned_through=one.id)
    step = await planned(world, Occasion(case.incident, one, playbook, playbook.steps[0]))
    if isinstance(step, str):
        return _nothing(world, case, f"playbook {playbook.name} matches, but {step}", planned_through=one.id)
    if isinstance(step.move, Continue):
        return replace(step, planned_through=one.id)
    return _still_unseen(world, case, one, step)


def _still_unseen(world: World, case: Case, one: StoredAlert, step: Step) -> Step:
    """A person is called, once, when the target could not be looked at for too long."""
    if world.clock.now() - one.received_at < world.options.resolve_within or case.incident.escalated:
        return step
    called, escalated = call(world, case, "its target cannot be looked at, so that nothing can be planned")
    return replace(step, entries=called, escalated=escalated)


async def is_outdated(world: World, incident: Incident, alert: StoredAlert | None, plan: Plan) -> bool:
    """Whether the playbook would plan otherwise now: its file was changed, or the number that it started from.

    An upgrade voids no request: a plan of which nobody knows the content that made it counts as one of today's.
    """
    playbook = world.playbook_of(plan)
    if playbook is None or alert is None:
        return False
    if is_of_another_content(plan, playbook):
        return True
    anew = await renewed(world, incident, alert, plan)
    return anew is not None and replace(anew, digest=plan.digest) != plan


async def renewed(world: World, incident: Incident, alert: StoredAlert, plan: Plan) -> Plan | None:
    """The plan as the playbook makes it now; None where it cannot be made, or where the playbook is gone."""
    playbook = world.playbook_of(plan)
    step = None if playbook is None else next((one for one in playbook.steps if one.name == plan.step), None)
    if playbook is None or step is None:
        return None
    found = await planned(world, Occasion(incident, alert, playbook, step))
    return found.plan if isinstance(found, Step) else None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a plan is made of: a step of a playbook, for an alert of an incident."""

    incident: Incident
    alert: StoredAlert
    playbook: Playbook
    step: PlaybookStep


async def planned(world: World, occasion: Occasion) -> Step | str:
    """Continue to decide with the plan of this step; wait where the target cannot be seen; or why there is no plan."""
    playbook, step = occasion.playbook, occasion.step
    try:
        wanted = Wanted(step.target, world.targets, occasion.incident.service)
        alert = occasion.alert.alert
        finding = await choice.find(world.finder, wanted, alert.labels, since=alert.starts_at)
        target = choice.chosen(finding, wanted, "" if world.finder is None else world.finder.executor)
        if isinstance(target, str):
            return target
        if problem := lacking(target, step) or unbound(finding, playbook, step):
            return problem
        plan = await _plan(world, occasion, target, is_found=finding is not None and finding.target is not None)
    except BadRequestError as problem:
        return f"cannot be bound: {problem}"
    except AetherError as problem:
        _log.warning("playbook %s waits: %s could not be looked at: %s", playbook.name, step.target.words, problem)
        return Step(Wait(world.clock.now() + world.options.redecide_interval))
    return Step(Continue(Stage.DECIDE), (_told(world, occasion, plan, finding),), plan=plan)


def _told(world: World, occasion: Occasion, plan: Plan, finding: Finding | None) -> Entry:
    """What the timeline says of a plan."""
    name, step = occasion.playbook.name, occasion.step
    text = f"playbook {name}: {plan.words} {f'when `{plan.when}`' if plan.when else 'on its alert alone'}"
    facts = {"playbook": name, "target": plan.target, "verb": plan.verb.value, "verify": plan.verify}
    if finding is not None and finding.target is not None:
        text, facts = f"{text} ({finding.words})", {**facts, "found": finding.words}
    return Entry(EventKind.PLANNED, world.clock.now(), text, facts if not step.name else {**facts, "step": step.name})


def lacking(target: Target, step: PlaybookStep) -> str:
    """Why the target cannot be asked for the request of the step, in words; empty for every other step."""
    if step.verb is not Verb.HTTP or target.declares(step.request):
        return ""
    return f"target {target.name} has no request {step.request!r}: declare it under targets.{target.name}.http.requests"


def unbound(finding: Finding | None, playbook: Playbook, step: PlaybookStep) -> str:
    """Why what `when` shows may be of something else than what was found, in words; empty where it cannot."""
    if finding is None or finding.target is None or not finding.by or not step.when:
        return ""
    selectors = promql.survey(promql.parse(step.when)).selectors
    written = {matcher.name for selector in selectors for matcher in selector.plain.matchers.matchers}
    if not written.union(playbook.bind).isdisjoint(finding.by):
        return ""
    return (
        f"the label {' or '.join(f'`{name}`' for name in finding.by)} names the container, and no query is bound to it"
    )


async def _plan(world: World, occasion: Occasion, target: Target, *, is_found: bool) -> Plan:
    playbook, step, labels = occasion.playbook, occasion.step, occasion.alert.alert.labels
    seen = await _look(world, target) if is_found or _goes_by_what_is(step) else None
    wanted = None if seen is None or step.scale is None else seen.wanted
    return Plan(
        verb=step.verb,
        target=target.name,
        playbook=playbook.name,
        replicas=None if wanted is None or step.scale is None else step.scale.applied(wanted),
        when=bind_query(step.when, playbook.bind, labels) if step.when else "",
        verify=bind_query(step.verify, playbook.bind, labels),
        verify_for_seconds=step.verify_for.total_seconds(),
        verify_within_seconds=step.verify_within.total_seconds(),
        cooldown_seconds=playbook.cooldown.total_seconds(),
        per_hour=playbook.per_hour,
        alert_id=occasion.alert.id,
        tenant=occasion.incident.tenant,
        step=step.name,
        unless=playbook.unless,
        undo=step.undo,
        escalate_after=playbook.escalate_after,
        silence=playbook.silence,
        planned_from=wanted,
        request=step.request,
        limits=Limits() if seen is None or step.limits is None else step.limits.applied(seen.limits, target.most),
        identity=seen.identity if seen is not None and is_found else "",
        digest=playbook.digest,
        dependents=dependents_of(world.targets, target.name) if step.dependents else (),
    )


def _goes_by_what_is(step: PlaybookStep) -> bool:
    return step.verb is Verb.LIMITS or (step.verb is Verb.SCALE and step.scale is not None)


async def _look(world: World, target: Target) -> Observation:
    return await world.executors[target.executor].observe(target, deadline=LOOK)


def _nothing(world: World, case: Case, reason: str, *, planned_through: int) -> Step:
    entries, escalated = call(world, case, reason)
    return Step(Continue(Stage.WATCH), entries, planned_through=planned_through, escalated=escalated)
