"""The table of transitions, as a pure function."""

from itertools import pairwise

import pytest

from peakpro_crm.errors import ForbiddenMoveError
from peakpro_crm.model import Stage
from peakpro_crm.stages import TRANSITIONS, check_conversion, check_update


def test_every_stage_has_its_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Stage)


def test_a_lead_can_go_all_the_way() -> None:
    for current, wanted in pairwise((Stage.NEW, Stage.CONTACTED, Stage.QUALIFIED)):
        check_update(current, wanted)
    check_conversion(Stage.QUALIFIED)


@pytest.mark.parametrize("stage", Stage)
def test_staying_where_it_is_is_allowed(stage: Stage) -> None:
    check_update(stage, stage)


@pytest.mark.parametrize("current", Stage)
@pytest.mark.parametrize("wanted", Stage)
def test_an_update_follows_the_table_but_never_converts(current: Stage, wanted: Stage) -> None:
    allowed = wanted is current or (wanted in TRANSITIONS[current] and wanted is not Stage.CONVERTED)
    if allowed:
        check_update(current, wanted)
        return

    with pytest.raises(ForbiddenMoveError) as caught:
        check_update(current, wanted)

    assert caught.value.allowed == TRANSITIONS[current]


@pytest.mark.parametrize("current", [stage for stage in Stage if stage is not Stage.QUALIFIED])
def test_only_a_qualified_lead_is_converted(current: Stage) -> None:
    with pytest.raises(ForbiddenMoveError):
        check_conversion(current)


def test_a_final_stage_says_so() -> None:
    with pytest.raises(ForbiddenMoveError, match="nowhere, the stage is final"):
        check_update(Stage.CONVERTED, Stage.LOST)
