"""`python -m aetherlink.simulation --seeds 0:1000 --steps 2000`: many worlds, what was wrong in them, and how quick.

`--healthy HOURS` is the control: hours in which nothing is wrong, and in which nothing may be done.
"""

import argparse
import logging
import sys
import time

from aetherlink.simulation.control import healthy_hours
from aetherlink.simulation.simulation import Simulation, Violation

_MOST_SHOWN = 20


def main() -> int:
    """Exit code 1 when anything was wrong."""
    arguments = _parser().parse_args()
    logging.disable(logging.CRITICAL)
    return _control(arguments.healthy) if arguments.healthy else _worlds(arguments.seeds, arguments.steps)


def _worlds(named: str, most: int) -> int:
    first, _, last = named.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    begin = time.process_time()
    steps, found = 0, list[Violation]()
    for seed in seeds:
        with Simulation(seed) as simulation:
            found += simulation.run(most)
            steps += simulation.steps
    pace = _pace(steps, begin)
    _say(found, is_one=len(seeds) == 1)
    sys.stdout.write(f"{len(seeds)} seeds, {pace}, {len(found)} violations\n")
    return 1 if found else 0


def _control(hours: int) -> int:
    begin = time.process_time()
    done = healthy_hours(hours)
    pace = _pace(done.steps, begin)
    _say(list(done.violations), is_one=True)
    sys.stdout.write(f"{done.hours:,.0f} healthy hours, {done.alerts} alerts for nothing, {pace}, ")
    sys.stdout.write(f"{len(done.violations)} violations\n")
    return 1 if done.violations else 0


def _pace(steps: int, begin: float) -> str:
    return f"{steps} steps, {steps / (time.process_time() - begin) * 60:,.0f} steps a minute of processor time"


def _say(found: list[Violation], *, is_one: bool) -> None:
    for violation in found[:_MOST_SHOWN]:
        lines = (*violation.lately, str(violation)) if is_one else (str(violation),)
        sys.stdout.write("\n".join(lines) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aetherlink.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:100", help="FIRST:LAST, the last not among them; or one seed")
    parser.add_argument("--healthy", type=int, default=0, metavar="HOURS", help="the control in place of them")
    parser.add_argument("--steps", type=int, default=2000, help="how many steps each world lives for")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
