"""The control with the lab's real parts: an hour of noise, of moved time, in which the agent has to do nothing.

The rules are evaluated by a real Prometheus, on what the CRM's and the agent's own metrics show; the agent is whole.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.model.decisions import EvidenceStatus
from aetherlink.model.incidents import Origin
from rigs.noisy_hour import Hour, noisy_hour

A_FEW_MINUTES = timedelta(minutes=10)
HOUR = timedelta(hours=1)
SEEDS = range(1, 7)
OUTAGE = timedelta(minutes=3)

_RULE = "evidence_holds"

pytestmark = pytest.mark.timeout(300)  # most of it is the making of the metrics, which a busy machine does slowly


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """An hour's lines are read by nobody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def nothing_was_done(hour: Hour, length: timedelta, seed: int) -> None:
    minutes = length / timedelta(minutes=1)
    print(f"seed {seed}: {hour.told}")  # noqa: T201 - pytest shows it with a failure

    assert (hour.changes, hour.refused, hour.acts) == ([], [], [])
    assert [one.title for one in hour.incidents if one.origin is Origin.HEALTH] == []
    # It had reason enough to think of doing something, and it looked before it did nothing.
    assert hour.alerts > minutes / 6
    assert hour.decisions[_RULE] > minutes / 10
    assert len(hour.plans) > minutes / 20
    assert hour.evidence[EvidenceStatus.DOES_NOT_HOLD] > minutes / 6
    assert hour.evidence[EvidenceStatus.ERROR] == 0
    assert hour.checks["ok"] >= 0.9 * (minutes - 1)


def test_nothing_is_done_in_some_noisy_minutes(tmp_path: Path) -> None:
    nothing_was_done(noisy_hour(tmp_path, 1, A_FEW_MINUTES), A_FEW_MINUTES, seed=1)


def test_the_same_agent_acts_once_when_something_is_wrong(tmp_path: Path) -> None:
    hour = noisy_hour(tmp_path, 1, A_FEW_MINUTES, fault=OUTAGE)

    assert [verb for verb, _ in hour.changes] == ["restart"]
    assert [action.plan.playbook for action in hour.acts] == ["restart-crm-api"]


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_done_in_a_noisy_hour(tmp_path: Path, seed: int) -> None:
    nothing_was_done(noisy_hour(tmp_path, seed, HOUR), HOUR, seed)
