"""Whether the playbooks are sound, and in force as they stand on the disk."""

from collections.abc import Iterator, Sequence
from functools import partial

from aetherlink import outside
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.doctor.words import some
from aetherlink.errors import AetherError, SettingsError
from aetherlink.model.decisions import Mode
from aetherlink.playbooks.book import Book
from aetherlink.settings import Settings


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
    return [*_modes(book), *_without_target(ground.settings, book), *await _refused(ground)]


def _modes(book: Book) -> Iterator[Finding]:
    acting = [(playbook, mode) for playbook, mode in book.in_force if playbook.steps]
    counts = [f"{sum(its is mode for _, its in acting)} {mode}" for mode in Mode]
    yield ok(f"{len(book.playbooks)} playbooks are sound; of those that act, by mode: {', '.join(counts)}")
    if acting and all(mode is Mode.OBSERVE for _, mode in acting):
        yield not_set_up("nothing is repaired yet: every playbook observes", "docs/how-to/allow-a-repair.md")


def _without_target(settings: Settings, book: Book) -> Iterator[Finding]:
    """Those built in are for targets that many do not have: only what a person let act is worth a warning."""
    declared = settings.declared_targets
    for playbook, mode in book.in_force:
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
