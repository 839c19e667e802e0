"""The control: nothing is wrong, alerts fire for nothing, metrics come and go, the mode is auto. Nothing is done."""

import logging
from collections.abc import Iterator
from random import Random

import pytest

from aetherlink.model.decisions import Mode
from aetherlink.simulation.control import healthy_hours
from aetherlink.simulation.setup import healthy

HOURS_OF_A_FEW = 120
HOURS = 10_000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """As many incidents write more lines than anybody reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def control(hours: int, *, first_seed: int) -> None:
    done = healthy_hours(hours, first_seed=first_seed)

    assert done.violations == ()
    assert done.hours >= hours
    assert min(done.alerts, done.decisions) > hours / 4  # it had reason enough to think of doing something


def test_nothing_is_done_in_some_healthy_hours() -> None:
    control(HOURS_OF_A_FEW, first_seed=1)  # the first world is a busy one


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_nothing_is_done_in_10000_healthy_hours() -> None:
    control(HOURS, first_seed=0)


def test_a_healthy_world_lets_the_agent_do_whatever_it_likes() -> None:
    setup = healthy(Random(0))

    assert setup.ceilings == (Mode.AUTO,)
    assert {playbook.mode for playbook in setup.playbooks} == {Mode.AUTO}
