"""How a lead may move: the one table, and the question asked of it.

The store asks before it writes. Pure; a new stage is one line here and one in `model.Stage`.
"""

from collections.abc import Mapping

from peakpro_crm.errors import ForbiddenMoveError
from peakpro_crm.model import Stage

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.NEW: (Stage.CONTACTED, Stage.LOST),
    Stage.CONTACTED: (Stage.QUALIFIED, Stage.LOST),
    Stage.QUALIFIED: (Stage.CONVERTED, Stage.LOST),
    Stage.CONVERTED: (),
    Stage.LOST: (Stage.CONTACTED,),  # a lost lead that calls back is taken up again
}


def check_update(current: Stage, wanted: Stage) -> None:
    """Raise ForbiddenMoveError unless an update may move a lead so. Staying where it is is always allowed."""
    if wanted is current:
        return
    if wanted is Stage.CONVERTED:
        # Conversion makes a customer; a bare update would leave a converted lead without one.
        _refuse(current, wanted, hint=" (converted is reached by POST /api/leads/{lead_id}/convert only)")
    if wanted not in TRANSITIONS[current]:
        _refuse(current, wanted)


def check_conversion(current: Stage) -> None:
    """Raise ForbiddenMoveError unless a lead in this stage may be converted."""
    if Stage.CONVERTED not in TRANSITIONS[current]:
        _refuse(current, Stage.CONVERTED)


def _refuse(current: Stage, wanted: Stage, *, hint: str = "") -> None:
    raise ForbiddenMoveError(current, wanted, allowed=TRANSITIONS[current], hint=hint)
