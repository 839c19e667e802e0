"""How good a playbook was: what it did, what it would have done, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Precision:
    """Counts of a playbook's actions, undoing left out.

    `executed` were carried out; of those `verdicts` says how many helped, by verdict (an empty one: none yet). Of those
    that were only observed `would_be` says what happened instead (empty: not known). `wrong` counts what a person
    called wrong, of both kinds.
    """

    executed: int = 0
    wrong: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    would_be: Mapping[str, int] = field(default_factory=dict)
