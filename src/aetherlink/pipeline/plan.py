"""Stage plan: the first playbook that matches a firing alert, bound to that alert's labels."""

from collections.abc import Sequence
from dataclasses import replace

from aetherlink.errors import AetherError
from aetherlink.model.actions import Plan, Target, Verb
from aetherlink.model.alerts import Alert
from aetherlink.model.incidents import Severity, Stage
from aetherlink.model.playbooks import Playbook
from aetherlink.model.timeline import Entry, EventKind
from aetherlink.pipeline.step import Case, Continue, Step, World
from aetherlink.playbooks.binding import bind_query

_MOST_NAMES = 10  # in one line of the timeline


async def run(world: World, case: Case) -> Step:
    """Continue to decide with a plan, or to watch when no playbook fits. Each episode of an alert is looked at once."""
    considered = tuple(alert.episode for alert in case.firing if alert.episode in case.incident.considered)
    fresh = [alert for alert in case.firing if alert.episode not in considered]
    for alert in fresh:
        considered = (*considered, alert.episode)
        playbook = next((each for each in world.playbooks if each.matches(alert.labels)), None)
        if playbook is not None:
            return replace(await _bound(world, alert, playbook), considered=considered)
    if not fresh:
        return Step(Continue(Stage.WATCH))
    return replace(_unknown(world, case, fresh), considered=considered)


def _unknown(world: World, case: Case, fresh: Sequence[Alert]) -> Step:
    """No playbook knows these: a person is called, once, unless all of it is for information only."""
    names = ", ".join(sorted({alert.name or alert.fingerprint for alert in fresh})[:_MOST_NAMES])
    planned = _nothing(world, f"no playbook matches {names}")
    if case.incident.escalated or case.incident.severity is Severity.INFO:
        return planned
    called = Entry(EventKind.ESCALATED, world.clock.now(), f"a person has to look: nothing is known against {names}")
    return replace(planned, entries=(*planned.entries, called), escalated=True)


async def _bound(world: World, alert: Alert, playbook: Playbook) -> Step:
    target = world.targets.get(playbook.target)
    if target is None:
        return _nothing(
            world, f"playbook {playbook.name} matches, but no target {playbook.target!r} is configured under `targets`"
        )
    try:
        plan = await _plan(world, alert, playbook, target)
    except AetherError as problem:
        return _nothing(world, f"playbook {playbook.name} matches, but cannot be planned: {problem}")
    text = f"playbook {playbook.name}: {plan.words} when `{plan.when}`"
    facts = {"playbook": playbook.name, "target": target.name, "verb": plan.verb.value, "verify": plan.verify}
    return Step(Continue(Stage.DECIDE), (Entry(EventKind.PLANNED, world.clock.now(), text, facts),), plan=plan)


async def _plan(world: World, alert: Alert, playbook: Playbook, target: Target) -> Plan:
    return Plan(
        verb=playbook.verb,
        target=target.name,
        playbook=playbook.name,
        replicas=await _replicas(world, playbook, target),
        when=bind_query(playbook.when, playbook.bind, alert.labels),
        verify=bind_query(playbook.verify, playbook.bind, alert.labels),
        verify_for_seconds=playbook.verify_for.total_seconds(),
        verify_within_seconds=playbook.verify_within.total_seconds(),
        cooldown_seconds=playbook.cooldown.total_seconds(),
        per_hour=playbook.per_hour,
        episode=alert.episode,
    )


async def _replicas(world: World, playbook: Playbook, target: Target) -> int | None:
    """The number wanted by a scale playbook: what is wanted now, and `by` more or less."""
    if playbook.verb is not Verb.SCALE:
        return None
    seen = await world.executors[target.executor].observe(target, deadline=world.options.action_deadline)
    return seen.wanted + playbook.scale_by


def _nothing(world: World, text: str) -> Step:
    return Step(Continue(Stage.WATCH), (Entry(EventKind.PLANNED, world.clock.now(), text),))
