"""Fault to verified recovery in the compose stack, on a real Docker daemon, beside what is simpler.

The stack is the shipped compose file without Grafana, on images that are made here. Once at intervals of 1 s, once at
those of the shipped files. Beside it: Docker's own `restart`, and a restarter that knows nothing and looks every 5 s.
"""

import asyncio
import secrets
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from aetherlink.lab.drills.run import summary
from bench.demo import STAGES
from bench.ground import Ground
from bench.load import LoadError
from bench.table import Row, show
from rigs.agent_process import wait_until
from rigs.compose_stack import OBSERVING, PROMOTED, ComposeStack, Images, local_images, running_stack
from rigs.containers import Container, docker

_ROUNDS = 3  # an hour of the playbook that is measured
_COOLDOWN = 125.0  # seconds, of the same
_BLIND_LOOK = 5.0  # seconds
_PATIENCE = 300.0  # seconds until a stack that is not well is given up


async def measure(ground: Ground) -> None:
    """Print how long each takes from the fault until the CRM is back."""
    await asyncio.to_thread(_measure, ground)


def _measure(ground: Ground) -> None:
    found = shutil.which("docker-compose")
    if found is None or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode != 0:
        raise LoadError("no Docker daemon, or no docker-compose: apt-get install docker.io docker-compose")
    for name in ("images", "quick", "shipped"):
        (ground.folder / name).mkdir()
    rounds = max(1, ground.count(_ROUNDS))
    with local_images(ground.folder / "images") as images:
        _at_intervals_of_a_second(Path(found), ground.folder / "quick", images, rounds)
        with running_stack(Path(found), ground.folder / "shipped", images, seconds=0) as stack:
            _show_drills(stack, "at the intervals of the shipped files", "at most 90 s", rounds)


def _at_intervals_of_a_second(compose: Path, folder: Path, images: Images, rounds: int) -> None:
    """The simpler ways come last, while the agent only observes: after their kills it would say that the CRM flaps."""
    with running_stack(compose, folder, images, seconds=1) as stack:
        _show_drills(stack, "at intervals of 1 s", "at most 20 s", rounds)
        stack.up(**OBSERVING)
        _until_well(stack)
        crm = stack.container("crm")
        restarts = [_timed(lambda: docker("restart", crm.id), crm) for _ in range(rounds)]
        blind = [_timed(lambda: _killed_and_restarted_blindly(crm), crm) for _ in range(rounds)]
    show(
        "until the CRM's container is healthy again, seconds, median / worst",
        [
            Row("`docker restart`, a person who knows", _figures(restarts)),
            Row(f"killed, and a restarter that looks every {_BLIND_LOOK:g} s", _figures(blind)),
        ],
    )


def _show_drills(stack: ComposeStack, when: str, asked: str, rounds: int) -> None:
    _until_well(stack)
    stack.up(**PROMOTED)
    reports = []
    for number in range(rounds):
        time.sleep(_COOLDOWN if number else 0)
        _until_well(stack)
        reports.append(stack.drill(within=_PATIENCE))
    repaired = [report for report in reports if report.is_repaired]
    for report in reports:
        if not report.is_repaired:
            print(*summary(report), sep="\n", flush=True)
    rows = []
    for kind, name in STAGES.items():
        seconds = [report.seconds[kind] for report in repaired if kind in report.seconds]
        rows.append(Row(name, _figures(seconds), asked if kind == "verified" else ""))
    title = f"the CRM's container is killed, {when}: {len(repaired)} of {len(reports)} repaired and proved by the agent"
    show(f"{title}; seconds since the fault, median / worst", rows)


def _timed(act: Callable[[], object], container: Container) -> float:
    begun = time.monotonic()
    act()
    wait_until(lambda: container.is_healthy, "the container is healthy", seconds=_PATIENCE)
    return time.monotonic() - begun


def _killed_and_restarted_blindly(container: Container) -> None:
    """Its first look comes at any moment of its interval."""
    docker("kill", container.id)
    time.sleep(secrets.randbelow(1000) / 1000 * _BLIND_LOOK)
    while container.state["Running"]:
        time.sleep(_BLIND_LOOK)
    docker("start", container.id)


def _until_well(stack: ComposeStack) -> None:
    wait_until(lambda: stack.is_well, "the stack is well", seconds=_PATIENCE)


def _figures(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f} s of {len(seconds)}" if seconds else "none"
