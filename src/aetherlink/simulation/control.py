"""The control: hours in which nothing is wrong, and what the agent does in them, which has to be nothing."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from aetherlink.simulation.clockwork import START
from aetherlink.simulation.invariants import INVARIANTS, nothing_is_touched
from aetherlink.simulation.setup import healthy
from aetherlink.simulation.simulation import Simulation, Violation

_HOURS = 25  # of one world


@dataclass(frozen=True, slots=True)
class Control:
    """What came of it: the hours, the alerts that fired in them for nothing, how often that was decided on, the steps.

    Every act is a violation.
    """

    hours: float
    alerts: int
    decisions: int
    steps: int
    violations: tuple[Violation, ...]

    def __add__(self, other: "Control") -> "Control":
        return Control(
            self.hours + other.hours,
            self.alerts + other.alerts,
            self.decisions + other.decisions,
            self.steps + other.steps,
            self.violations + other.violations,
        )


NOTHING = Control(0.0, 0, 0, 0, ())


def healthy_hours(hours: int, *, first_seed: int = 0) -> Control:
    """At least so many of them, in worlds of a day or so each."""
    total, seed = NOTHING, first_seed
    while total.hours < hours and not total.violations:
        total += _world(seed, timedelta(hours=min(_HOURS, hours - total.hours)))
        seed += 1
    return total


def _world(seed: int, length: timedelta) -> Control:
    setup = healthy(Random(seed))  # noqa: S311 - it has to be foretold
    found: list[Violation] = []
    with Simulation(seed, setup=setup, invariants=(*INVARIANTS, nothing_is_touched)) as simulation:
        while simulation.now - START < length and not found:
            found = simulation.step()
        tables = simulation.witness.tables
        hours = (simulation.now - START) / timedelta(hours=1)
        decisions = len(tables.records.actions.rows)
        return Control(hours, len(tables.alerts.rows), decisions, simulation.steps, tuple(found))
