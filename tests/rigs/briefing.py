"""What decisions rest on, for tests of the doors: every target is there, seen by a fake executor, and well."""

from collections.abc import Sequence

from aetherlink.briefing import Briefing, Restraints
from aetherlink.lib.clock import SystemClock
from aetherlink.model.actions import Target
from aetherlink.model.decisions import Mode
from aetherlink.pipeline.options import PipelineOptions
from aetherlink.pipeline.step import World
from aetherlink.pipeline.trial import Trials
from aetherlink.playbooks.book import Book
from aetherlink.policy.decide import decide
from aetherlink.ports import Clock, Store
from aetherlink.testing import CountingIds, ManualClock, MemoryExecutor, ScriptedProbe


def briefing_of(targets: Sequence[Target], clock: Clock, mode: Mode) -> Briefing:
    """The targets under this ceiling, with nothing that restrains."""
    hands = MemoryExecutor(ManualClock(), [target.name for target in targets])
    return Briefing(
        {target.name: target for target in targets},
        {target.executor: hands for target in targets},
        ceiling=mode,
        restraints=Restraints(),
        clock=clock,
    )


def trials_of(targets: Sequence[Target], store: Store, book: Book) -> Trials:
    """Where playbooks are tried on incidents: every query holds, every target is there."""
    hands, clock = MemoryExecutor(ManualClock(), [target.name for target in targets]), SystemClock()
    world = World(
        store=store,
        probe=ScriptedProbe(ManualClock()),
        executors={target.executor: hands for target in targets},
        targets={target.name: target for target in targets},
        playbooks=tuple(book.playbooks),
        decide=decide,
        ceiling=book.ceiling,
        clock=clock,
        ids=CountingIds(),
        options=PipelineOptions(),
    )
    return Trials(world, book)
