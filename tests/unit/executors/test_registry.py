"""Opening the executors that the targets name, and a dry run over them."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from aetherlink.errors import SettingsError
from aetherlink.executors.options import ExecutorOptions, LabExecutorOptions
from aetherlink.executors.registry import open_executors
from aetherlink.model.actions import OutcomeStatus, Replicas, StartedAfter, Target
from aetherlink.model.ids import TargetName
from aetherlink.testing import ManualClock
from rigs.lab_server import lab_server

DEADLINE = timedelta(seconds=20)
CLOCK = ManualClock()


def target(executor: str = "lab") -> Target:
    return Target(TargetName("crm-api"), executor=executor, service="crm", minimum=1, maximum=4)


async def test_the_registry_opens_what_the_targets_use() -> None:
    async with lab_server() as lab:
        options = ExecutorOptions(lab=LabExecutorOptions(control_socket=lab.socket))

        [(name, opened)] = open_executors([target(), target()], options, clock=CLOCK).items()
        seen = await opened.executor.observe(target(), deadline=DEADLINE)
        await opened.aclose()

    assert (name, seen.ready) == ("lab", 1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lab", ExecutorOptions(), r"set lab\.control_socket"),
        ("swarm", ExecutorOptions(), "no executor 'swarm': known are docker, dry_run, http, lab"),
        ("docker", ExecutorOptions(), r"set docker\.host"),
        ("lab", ExecutorOptions(lab=LabExecutorOptions(control_socket=Path("/" + "x" * 200))), "longer than 107 bytes"),
    ],
)
def test_an_executor_that_cannot_be_opened_says_what_to_set(name: str, options: ExecutorOptions, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        open_executors([target(name)], options, clock=CLOCK)


def test_without_dockers_sdk_everything_loads_and_a_target_of_docker_says_what_to_install() -> None:
    program = """
import sys
sys.modules["docker"] = None
import aetherlink.outside
from aetherlink.executors.docker_options import DockerExecutorOptions
from aetherlink.executors.options import ExecutorOptions
from aetherlink.executors.registry import BUILTIN, Ground
assert "requests" not in sys.modules
BUILTIN["docker"](Ground(ExecutorOptions(docker=DockerExecutorOptions(host="unix:///docker.sock")), (), None))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert "SettingsError: the executor `docker` needs docker, which is not installed" in done.stderr
    assert "pip install 'aetherlink[docker]'" in done.stderr


async def test_a_dry_run_looks_at_what_is_real_and_changes_nothing() -> None:
    async with lab_server() as lab:
        options = ExecutorOptions(lab=LabExecutorOptions(control_socket=lab.socket))
        opened = open_executors([target()], options, clock=CLOCK, is_dry_run=True)["lab"]
        wishes = [StartedAfter(CLOCK.now()), Replicas(3), Replicas(1), Replicas(9)]

        outcomes = [await opened.executor.converge(target(), wish, deadline=DEADLINE) for wish in wishes]
        seen = await opened.executor.observe(target(), deadline=DEADLINE)
        await opened.aclose()

    assert [outcome.status for outcome in outcomes] == ["done", "done", "not_needed", "failed"]
    assert outcomes[0].reason == "dry run: nothing was changed; crm would have been restarted"
    assert "outside its bounds" in outcomes[3].reason
    assert (seen.wanted, lab.changes) == (1, [])


async def test_a_dry_run_over_a_lab_that_is_not_there_fails() -> None:
    options = ExecutorOptions(lab=LabExecutorOptions(control_socket=Path("/nowhere/control.sock")))
    opened = open_executors([target()], options, clock=CLOCK, is_dry_run=True)["lab"]

    outcome = await opened.executor.converge(target(), Replicas(2), deadline=DEADLINE)
    await opened.aclose()

    assert outcome.status is OutcomeStatus.FAILED
    assert "could not be looked at" in outcome.reason


async def test_a_target_that_is_only_imagined_says_that_nothing_was_changed() -> None:
    opened = open_executors([target("dry_run")], ExecutorOptions(), clock=CLOCK, is_dry_run=True)["dry_run"]

    outcomes = [await opened.executor.converge(target("dry_run"), Replicas(3), deadline=DEADLINE) for _ in range(2)]
    seen = await opened.executor.observe(target("dry_run"), deadline=DEADLINE)

    assert [outcome.status for outcome in outcomes] == ["done", "not_needed"]
    assert outcomes[0].reason.startswith("dry run: nothing was changed")
    assert (seen.ready, seen.wanted) == (3, 3)
