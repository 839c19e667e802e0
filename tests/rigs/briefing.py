"""What decisions rest on, for tests of the doors: every target is there, seen by a fake executor, and well."""

from collections.abc import Sequence

from aetherlink.briefing import Briefing, Restraints
from aetherlink.model.actions import Target
from aetherlink.model.decisions import Mode
from aetherlink.ports import Clock
from aetherlink.testing import ManualClock, MemoryExecutor


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
