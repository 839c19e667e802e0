"""How good a playbook was: what it did, what it would have done, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from aetherlink.model.actions import OutcomeStatus, Verdict

SPAN = timedelta(days=30)
"""How far back people are shown it: what a playbook did a year ago says little of what it is now."""

MOST_COUNTED = 1000
"""So many of its latest actions are counted at most, so that a busy one is not dear to ask for."""

TAKEN_BACK = frozenset({OutcomeStatus.DONE, OutcomeStatus.NOT_NEEDED})
"""The outcomes of undoing after which a target is as it was."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Counts of a playbook's actions, undoing left out.

    `executed` were carried out; of those `verdicts` says how many helped, by verdict (an empty one: none yet), and
    `undone` how many were taken back. Of those that were only observed `would_be` says what happened instead (empty:
    not known). `wrong` counts what a person called wrong, of both kinds.
    """

    executed: int = 0
    wrong: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    would_be: Mapping[str, int] = field(default_factory=dict)
    undone: int = 0

    @property
    def judged(self) -> int:
        """Of how many of those that were carried out it is known whether they helped."""
        return sum(self.verdicts.get(verdict.value, 0) for verdict in Verdict)
