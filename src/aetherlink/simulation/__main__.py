"""`python -m aetherlink.simulation --seeds 0:1000 --steps 2000`: many worlds, what was wrong in them, and how quick."""

import argparse
import logging
import sys
import time

from aetherlink.simulation.simulation import Simulation, Violation

_MOST_SHOWN = 20


def main() -> int:
    """Exit code 1 when anything was wrong."""
    arguments = _parser().parse_args()
    first, _, last = arguments.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    logging.disable(logging.CRITICAL)
    begin = time.perf_counter()
    steps, found = 0, list[Violation]()
    for seed in seeds:
        with Simulation(seed) as simulation:
            found += simulation.run(arguments.steps)
            steps += simulation.steps
    seconds = time.perf_counter() - begin
    _say(found, is_one=len(seeds) == 1)
    sys.stdout.write(f"{len(seeds)} seeds, {steps} steps, {steps / seconds * 60:,.0f} steps a minute, ")
    sys.stdout.write(f"{len(found)} violations\n")
    return 1 if found else 0


def _say(found: list[Violation], *, is_one: bool) -> None:
    for violation in found[:_MOST_SHOWN]:
        lines = (*violation.lately, str(violation)) if is_one else (str(violation),)
        sys.stdout.write("\n".join(lines) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aetherlink.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:100", help="FIRST:LAST, the last not among them; or one seed")
    parser.add_argument("--steps", type=int, default=2000, help="how many steps each world lives for")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
