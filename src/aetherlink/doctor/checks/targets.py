"""Whether each target can be looked at, how it is, and which of them the agent never acts on."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from aetherlink import outside
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.errors import AetherError, NotFoundError
from aetherlink.executors.registry import Opened
from aetherlink.model.actions import Observation, Target
from aetherlink.model.decisions import Mode
from aetherlink.settings import Settings

_DEADLINE = timedelta(seconds=5)


def looks(ground: Ground) -> Iterator[Look]:
    """One for each target; what hangs hangs alone."""
    settings = ground.settings
    if not settings.targets:
        yield Look("targets", _none)
    for target in settings.declared_targets.values():
        place = target.place or target.service
        yield Look(f"{target.name}: {place} by executor {target.executor}", partial(_look, settings, target))


async def _none() -> Sequence[Finding]:
    return [not_set_up("the settings declare no target: the agent can change nothing", "declare what it may change")]


async def _look(settings: Settings, target: Target) -> Sequence[Finding]:
    opened = outside.executors(settings)
    try:
        return await _seen(opened[target.executor], target, settings)
    finally:
        for each in opened.values():
            await each.aclose()


async def _seen(opened: Opened, target: Target, settings: Settings) -> Sequence[Finding]:
    try:
        seen = await opened.executor.observe(target, deadline=_DEADLINE)
    except NotFoundError as problem:
        return [fault(str(problem), f"start it, or mend targets.{target.name}")]
    except AetherError as problem:
        return [fault(str(problem), f"see to executor {target.executor}, or mend targets.{target.name}")]
    return [_state(target, seen), *_reach(settings, target, seen, opened)]


def _state(target: Target, seen: Observation) -> Finding:
    text = f"{seen.ready} of {seen.wanted} replicas are ready"
    if seen.wanted == 0:
        return warning(f"{text}: somebody stopped it, or it has none", "start it, and the agent looks after it again")
    if seen.ready < seen.wanted:
        return warning(text, "it is ill right now: `aether incidents` shows what is done about it")
    if not target.minimum <= seen.wanted <= target.maximum:
        text = f"{text}, outside of its bounds of {target.minimum} to {target.maximum}"
        return warning(text, f"mend min and max of targets.{target.name}")
    return ok(text)


def _reach(settings: Settings, target: Target, seen: Observation, opened: Opened) -> Iterator[Finding]:
    """What would be refused, as `aether check` tells it, by the agent itself or by whoever stands before the target."""
    why = None if target.is_break_glass else settings.protected_targets.get(target.name)
    if why is None and (found := outside.lived_on_as_seen(target, seen, settings.own_names)) is not None:
        why = f"what the agent lives on ({found})"
    if why is not None:
        fix = "take it out of `targets`, or leave it: it is safe so"
        yield warning(f"the agent never acts on it: it is {why}", fix)
    elif seen.no_change:
        yield _closed(target, seen.no_change)
    elif lacks := list(outside.lacking(target, seen, opened.executor)):
        yield not_set_up("; ".join(lacks), "docs/how-to/run-the-socket-proxy.md, and min, max and limits of the target")


def _closed(target: Target, why: str) -> Finding:
    """What is only to be looked at need not be opted in."""
    text = f"every change is refused, a restart too: {why}"
    if target.mode is Mode.OBSERVE:
        return not_set_up(f"{text}; it is only observed anyway (targets.{target.name}.mode)")
    return fault(text, "label its container aether.managed=true, or name it in socket_proxy.workloads of the proxy")
