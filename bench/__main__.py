"""Runs the benchmarks and prints their figures: `python -m bench`, or some of them: `python -m bench intake rest`."""

import argparse
import asyncio
import inspect
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import act, console, containers, decide, demo, group, growth, intake, lists, live, steady
from bench.ground import Ground, load_of_machine
from bench.load import LoadError
from bench.processes import PROJECT

PARTS: dict[str, Callable[[Ground], Awaitable[None]]] = {
    "demo": demo.measure_demo,
    "rest": demo.measure_rest,
    "intake": intake.measure,
    "growth": growth.measure,
    "group": group.measure,
    "live": live.measure,
    "steady": steady.measure,
    "lists": lists.measure,
    "console": console.measure,
    "act": act.measure,
    "decide": decide.measure,
    "docker": containers.measure,
}


def main() -> int:
    """Measure the parts that were named, or all."""
    told = _arguments()
    for name in told.parts or PARTS:
        try:
            asyncio.run(_part(name, told))
        except LoadError as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            return 1
    return 0


async def _part(name: str, told: argparse.Namespace) -> None:
    print(f"\n== {name}; the machine's load before: {load_of_machine()}", flush=True)
    told.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=told.dir) as folder:
        await PARTS[name](Ground(Path(folder), scale=told.scale, seconds=told.seconds))
    print(f"== {name}; the machine's load after: {load_of_machine()}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each load lasts")
    parser.add_argument("--scale", type=float, default=1.0, help="0.01 makes the big stores a hundred times smaller")
    parser.add_argument("--dir", type=Path, default=PROJECT / ".cache/bench", help="where the data lies: a real disk")
    told = parser.parse_args()
    if unknown := [part for part in told.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return told


if __name__ == "__main__":
    sys.exit(main())
