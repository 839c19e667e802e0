"""Whether the playbooks are sound, in force as they stand on the disk, and what they may do, promotions included."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from aetherlink import outside
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError, SettingsError
from aetherlink.model.decisions import Mode
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import PromotionState
from aetherlink.settings import Settings

InForce = tuple[Playbook, Mode]
Listed = Mapping[str, Mapping[str, Any]]


def looks(ground: Ground) -> Iterator[Look]:
    """One look."""
    yield Look(str(ground.settings.playbooks_dir or "built in"), partial(_look, ground))


async def _look(ground: Ground) -> Sequence[Finding]:
    try:
        book = await aside(partial(outside.book, ground.settings))
    except SettingsError as problem:
        lines = str(problem).splitlines()
        return [
            fault(line, "mend it: an agent goes on with what it has, and does not start like this") for line in lines
        ]
    listed = await _listed(ground)
    in_force = [(one, mode if listed is None else _mode_in(listed, one, mode)) for one, mode in book.in_force]
    return [
        *_modes(in_force, "by the files" if listed is None else "by mode"),
        *_set_back(listed or {}),
        *_without_target(ground.settings, in_force),
        *await _refused(ground),
    ]


async def _listed(ground: Ground) -> Listed | None:
    """What the agent says of each, by its name: promotions are known to it alone. None: it does not say."""
    try:
        page = await ground.agent.page("/api/v1/playbooks")
    except AetherError:
        return None
    return {str(item.get("name")): item for item in page.get("items", []) if isinstance(item, dict)}


def _mode_in(listed: Listed, playbook: Playbook, otherwise: Mode) -> Mode:
    """Of a file that the agent does not have (yet) the file's own mode is told."""
    try:
        return Mode(str(listed.get(playbook.name, {}).get("mode")))
    except ValueError:
        return otherwise


def _modes(in_force: Sequence[InForce], by: str) -> Iterator[Finding]:
    acting = [mode for playbook, mode in in_force if playbook.steps]
    counts = [f"{acting.count(mode)} {mode}" for mode in Mode]
    yield ok(f"{len(in_force)} playbooks are sound; of those that act, {by}: {', '.join(counts)}")
    if acting and all(mode is Mode.OBSERVE for mode in acting):
        known = "" if by == "by mode" else ", by the files: what was promoted is known to the agent alone"
        yield not_set_up(f"nothing is repaired yet: every playbook observes{known}", "docs/how-to/allow-a-repair.md")


def _set_back(listed: Listed) -> Iterator[Finding]:
    for name, item in listed.items():
        if item.get("promotion_state") == PromotionState.SET_BACK:
            ended = item.get("promotion") or {}
            text = f"the agent set playbook {name} back from {ended.get('mode')}: {ended.get('ended_because')}"
            yield warning(text, "`aether report` shows its repairs: mend it, and promote it again")


def _without_target(settings: Settings, in_force: Sequence[InForce]) -> Iterator[Finding]:
    """Those built in are for targets that many do not have: only what a person let act is worth a warning."""
    declared = settings.declared_targets
    for playbook, mode in in_force:
        named = {step.target.name for step in playbook.steps if step.target.name is not None}
        missing = sorted(named - declared.keys())
        if missing and mode is not Mode.OBSERVE:
            text = f"playbook {playbook.name} is {mode}, and can do nothing: there is no target {some(missing)}"
            yield warning(text, "declare it under `targets`")
        protected = sorted(name for name in named if name in settings.protected_targets)
        if protected and not all(declared[name].is_break_glass for name in protected):
            text = f"playbook {playbook.name} is for {some(protected)}, which the agent lives on: it is always refused"
            yield warning(text, "take the playbook away, or name another target")


async def _refused(ground: Ground) -> Sequence[Finding]:
    try:
        refused = await ground.agent.metric("aether_agent_playbooks_refused")
    except AetherError:
        return []
    if refused:
        text = "the agent refuses the files that are on the disk, and goes on with those of before"
        return [fault(text, "its log says which line is wrong; where they are sound from here, start it anew")]
    return []
