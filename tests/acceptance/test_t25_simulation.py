"""T25: simulated worlds in which everything goes wrong, with the real pipeline, reception and commands in them.

A violation names its seed: `python -m aetherlink.simulation --seeds SEED --steps STEPS` shows what led to it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from aetherlink.simulation.simulation import Simulation, Violation
from rigs.planted_bugs import BUGS, Bug

STEPS = 400
FEW_SEEDS = 50
MOST_SEEDS = 1000
LONG_SEEDS = range(10_000, 14_000)
LONG_STEPS = 1000


@contextmanager
def quiet() -> Iterator[None]:
    """A thousand incidents a second write more lines than anybody reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def lived(seed: int, steps: int, *, double_wakes: bool = False) -> list[Violation]:
    with Simulation(seed, double_wakes=double_wakes) as simulation:
        return simulation.run(steps)


def told(found: list[Violation]) -> str:
    return "\n".join(line for one in found for line in (*one.lately, str(one)))


@dataclass(frozen=True)
class Life:
    """What was seen of one world."""

    violations: list[Violation]
    kinds: frozenset[str]
    outcomes: frozenset[str]
    verbs: frozenset[str]
    restarted_after: int


@pytest.fixture(scope="module")
def few() -> list[Life]:
    """The worlds of the first seeds, lived once for all who look at them."""
    with quiet():
        return [life(seed) for seed in range(FEW_SEEDS)]


def life(seed: int) -> Life:
    with Simulation(seed) as simulation:
        violations = simulation.run(STEPS)
        tables = simulation.witness.tables
        kinds = (one.entry.kind for timeline in tables.incidents.timelines.values() for one in timeline)
        outcomes = (one.outcome.status for one in tables.records.actions.rows.values() if one.outcome)
        started = [one.plan for one in tables.records.actions.rows.values() if one.started_at]
        verbs = (plan.verb for plan in started)
        chained = sum(1 for plan in started if plan.chain is not None)
        return Life(violations, frozenset(kinds), frozenset(outcomes), frozenset(verbs), chained)


def test_t25_nothing_is_wrong_in_a_few_worlds(few: list[Life]) -> None:
    for one in few:
        assert one.violations == [], told(one.violations)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_t25_nothing_is_wrong_in_many_worlds() -> None:
    for seed in LONG_SEEDS:
        found = lived(seed, LONG_STEPS)
        assert found == [], told(found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_t25_a_planted_bug_is_found(
    bug: Bug, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    bug.plant(monkeypatch)
    for seed in (bug.at, *range(MOST_SEEDS)):
        found = lived(seed, STEPS, double_wakes=bug.double_wakes)
        if found:
            assert {one.invariant for one in found} & bug.found_by, told(found)
            if seed != bug.at:
                record_property("figure", f"found by seed {seed}, not by {bug.at} as rigs/planted_bugs.py says")
            break
    else:
        pytest.fail(f"not found in {MOST_SEEDS} seeds")
    monkeypatch.undo()
    assert lived(seed, STEPS) == []


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_t25_nothing_is_wrong_where_bugs_are_looked_for() -> None:
    for seed in range(MOST_SEEDS):
        found = lived(seed, STEPS)
        assert found == [], told(found)


def test_t25_a_seed_is_the_same_world_every_time() -> None:
    def story(seed: int) -> str:
        with Simulation(seed) as simulation:
            simulation.run(STEPS)
            return repr((simulation.witness.tables.records.actions, simulation.now))

    assert [story(seed) for seed in range(5)] == [story(seed) for seed in range(5)]


def test_t25_a_world_has_everything_that_is_to_be_guarded(few: list[Life]) -> None:
    """Else no violation means nothing."""
    kinds = frozenset().union(*(one.kinds for one in few))
    outcomes = frozenset().union(*(one.outcomes for one in few))
    verbs = frozenset().union(*(one.verbs for one in few))

    assert {"planned", "decided", "action_started", "verified", "not_recovered", "escalated", "reopened"} <= kinds
    assert {"done", "failed", "unknown", "not_done"} <= outcomes
    assert {"restart", "scale", "rollback", "http"} <= verbs
    assert sum(one.restarted_after for one in few) > 0
