"""The playbooks in force, with the mode that each of them has when everything that bounds it is taken together.

Promotions are rows: whoever wants them counted gives them.
"""

from collections.abc import Mapping, Sequence

from aetherlink.model.decisions import Mode
from aetherlink.model.ids import PlaybookName
from aetherlink.model.playbooks import Playbook
from aetherlink.model.promotions import Promotion, mode_with


class Book:
    """See ports.PlaybookView. `modes` holds the settings' mode for single playbooks; none is above the ceiling."""

    def __init__(self, playbooks: tuple[Playbook, ...], *, ceiling: Mode, modes: Mapping[PlaybookName, Mode]) -> None:
        self._playbooks = playbooks
        self._ceiling = ceiling
        self._modes = modes

    @property
    def playbooks(self) -> tuple[Playbook, ...]:
        """All of them, in the order in which they are asked."""
        return self._playbooks

    @property
    def ceiling(self) -> Mode:
        """The most that any of them may do."""
        return self._ceiling

    @property
    def in_force(self) -> Sequence[tuple[Playbook, Mode]]:
        """Each with its mode."""
        return [(playbook, self.mode_of(playbook)) for playbook in self._playbooks]

    def mode_of(self, playbook: Playbook, promotion: Promotion | None = None) -> Mode:
        """The most that it may do by itself; one that only observes never does more."""
        if not playbook.steps:
            return Mode.OBSERVE
        own = self.set_for(playbook.name) or mode_with(playbook, promotion)
        return min(self._ceiling, own, key=lambda mode: mode.rank)

    def set_for(self, name: PlaybookName) -> Mode | None:
        """The mode that the settings give it, which no promotion changes; None: they give it none."""
        return self._modes.get(name)

    def replace(self, playbooks: tuple[Playbook, ...]) -> None:
        """These from now on."""
        self._playbooks = playbooks
