"""Stage plan: the first playbook that matches a firing alert, bound to that alert's labels."""

import logging
from dataclasses import replace

from aetherlink.errors import AetherError, BadRequestError
from aetherlink.model.actions import Plan, Target, Verb
from aetherlink.model.alerts import StoredAlert
from aetherlink.model.incidents import Stage
from aetherlink.model.playbooks import Playbook
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Continue, Step, Wait, World
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
    target = world.targets.get(playbook.target)
    if target is None:
        reason = f"playbook {playbook.name} matches, but no target {playbook.target!r} is configured under `targets`"
        return _nothing(world, case, reason, planned_through=one.id)
    try:
        plan = await _plan(world, one, playbook, target)
    except BadRequestError as problem:
        reason = f"playbook {playbook.name} matches, but cannot be bound: {problem}"
        return _nothing(world, case, reason, planned_through=one.id)
    except AetherError as problem:
        _log.warning("playbook %s waits: %s could not be looked at: %s", playbook.name, target.name, problem)
        return Step(Wait(world.clock.now() + world.options.redecide_interval))
    text = f"playbook {playbook.name}: {plan.words} when `{plan.when}`"
    facts = {"playbook": playbook.name, "target": target.name, "verb": plan.verb.value, "verify": plan.verify}
    planned = Entry(EventKind.PLANNED, world.clock.now(), text, facts)
    return Step(Continue(Stage.DECIDE), (planned,), plan=plan, planned_through=one.id)


async def _plan(world: World, one: StoredAlert, playbook: Playbook, target: Target) -> Plan:
    labels = one.alert.labels
    return Plan(
        verb=playbook.verb,
        target=target.name,
        playbook=playbook.name,
        replicas=await _replicas(world, playbook, target),
        when=bind_query(playbook.when, playbook.bind, labels),
        verify=bind_query(playbook.verify, playbook.bind, labels),
        verify_for_seconds=playbook.verify_for.total_seconds(),
        verify_within_seconds=playbook.verify_within.total_seconds(),
        cooldown_seconds=playbook.cooldown.total_seconds(),
        per_hour=playbook.per_hour,
        alert_id=one.id,
    )


async def _replicas(world: World, playbook: Playbook, target: Target) -> int | None:
    """The number wanted by a scale playbook: what is wanted now, and `by` more or less."""
    if playbook.verb is not Verb.SCALE:
        return None
    seen = await world.executors[target.executor].observe(target, deadline=world.options.action_deadline)
    return seen.wanted + playbook.scale_by


def _nothing(world: World, case: Case, reason: str, *, planned_through: int) -> Step:
    entries, escalated = call(world, case, reason)
    return Step(Continue(Stage.WATCH), entries, planned_through=planned_through, escalated=escalated)
