"""Whether the agent runs, which version, whether it can serve, acts or is held back, and what it sees itself."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aetherlink.doctor.findings import Finding, fault, ok, warning
from aetherlink.doctor.looking import Ground, Look
from aetherlink.doctor.words import some, span
from aetherlink.errors import AnswerError, UnauthenticatedError, UnreachableError

_SLACK = timedelta(seconds=2)


def looks(ground: Ground) -> Iterator[Look]:
    """How it is, whether its settings are those of the file, and whether it is paused."""
    yield Look(ground.agent.address, partial(_alive, ground))
    yield Look(ground.agent.address, partial(_pauses, ground))


async def _alive(ground: Ground) -> Sequence[Finding]:
    try:
        reply = await ground.agent.reply("/health")
    except UnreachableError as problem:
        fix = "start it (`aether serve`, or its container) and read its log; --config or --url say where it is"
        return [fault(f"the agent is not reached: {problem}", fix)]
    health = reply.data
    if reply.status != 200 or "health_score" not in health:
        raise AnswerError(f"what listens at {ground.agent.address} is no agent: GET /health answered {reply.status}")
    return [*_serves(health), *await _as_started(ground), *_own_view(health)]


def _serves(health: Mapping[str, Any]) -> Iterator[Finding]:
    its, ours = str(health.get("version", "")), version("aetherlink")
    if health.get("ok") is not True:
        yield fault("the agent runs and cannot serve", "GET /readyz says why: see to that, and to its log")
    elif its != ours:
        text = f"the agent is version {its}, and this command version {ours}"
        yield warning(text, "start the agent anew with the version that is installed")
    else:
        yield ok(f"the agent answers, version {its}")


async def _as_started(ground: Ground) -> Sequence[Finding]:
    """A file that was changed since is in force only after the next start."""
    began = await ground.agent.metric("process_start_time_seconds")
    if ground.file is None or began is None:
        return []
    started = datetime.fromtimestamp(began, UTC)
    changed = _changed(ground.file)
    if changed is None or changed <= started + _SLACK:
        return [ok(f"it runs with the settings of {ground.file}, for {span(ground.clock.now() - started)}")]
    text = f"{ground.file} was changed {span(changed - started)} after the agent started: it runs with what was there"
    return [warning(text, "start the agent anew")]


def _changed(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None


def _own_view(health: Mapping[str, Any]) -> Iterator[Finding]:
    """From where the agent runs the sources may look otherwise than from here."""
    down = [one for one in health.get("sources", []) if isinstance(one, dict) and one.get("up") is False]
    if down:
        named = some(f"{one.get('kind')} of source {one.get('source')} ({one.get('detail')})" for one in down)
        yield fault(f"the agent itself does not reach: {named}", "look at the way from where the agent runs to there")


async def _pauses(ground: Ground) -> Sequence[Finding]:
    try:
        state = await ground.agent.page("/api/v1/pause")
    except UnreachableError as problem:
        return [await ground.agent.unheard("whether it is paused", problem)]
    except UnauthenticatedError:
        text = "the agent accepts no token of this command: what only it knows is not checked"
        return [fault(text, "run this as the agent's user, or give --token one with the scope read")]
    holding = [one for one in state.get("pauses", []) if isinstance(one, dict) and one.get("in_force")]
    if outside := state.get("outside"):
        return [warning(f"everything is paused: {outside}", "take the reason away when it is over")]
    if holding:
        named = some(f"{one.get('scope')} by {one.get('paused_by')} ({one.get('reason')})" for one in holding)
        return [warning(f"paused: {named}", "`aether resume`, with --scope for a part of it, when it is over")]
    return [ok("nothing is paused")]
