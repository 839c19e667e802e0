"""Starts one child process and ends it. The kernel ends it when the lab itself dies, however the lab dies.

Called by the supervisor and by the PostgreSQL launcher. A child is leader of a session of its own, so that the
terminal's Ctrl-C reaches the lab only, which then stops its children in order.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aetherlink.lab import identity, logs
from aetherlink.lab.errors import LabError, MissingToolError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run as, where the lab runs as root and a program refuses to."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started. It sees `env` and a plain search path, nothing of the caller's environment."""

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    account: Account | None = None
    death_signal: str = "KILL"
    """What the kernel sends it when the lab dies; a database is given the chance to drop its shared memory."""


class Child:
    """A running (or ended) process that this lab started."""

    def __init__(self, launch: Launch, process: asyncio.subprocess.Process) -> None:
        self.launch = launch
        self._process = process
        self.pid = process.pid
        self.identity = identity.identify(process.pid)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative signal number when a signal ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended."""
        return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Signal its whole process group; nothing happens when it has ended."""
        if self.exit_code is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    async def stop(self, number: signal.Signals, *, grace: float) -> int:
        """Ask it to end; after `grace` seconds, or when this task is cancelled, kill it. Ends with the exit code."""
        self.send(number)
        try:
            return await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            pass
        finally:
            self.send(signal.SIGKILL)
        return await asyncio.wait_for(self.wait(), _KILL_SECONDS)


async def start(launch: Launch) -> Child:
    """Start it; its output goes to its log. Raises LabError when the program cannot be run."""
    output = logs.open_append(launch.log)
    try:
        process = await asyncio.create_subprocess_exec(
            *_leashed(launch),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=launch.cwd,
            env=_environment(launch),
            pass_fds=launch.pass_fds,
            start_new_session=True,
        )
    except OSError as error:
        raise LabError(f"cannot start {launch.argv[0]}: {error}") from error
    finally:
        os.close(output)
    return Child(launch, process)


async def run(launch: Launch, *, seconds: float) -> int:
    """Run it to its end and return the exit code; it is killed after `seconds`. Raises LabError then."""
    child = await start(launch)
    try:
        return await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError as error:
        raise LabError(f"{' '.join(launch.argv)} did not end within {seconds:.0f} s; see {launch.log}") from error
    finally:
        await child.stop(signal.SIGKILL, grace=1)


def run_step(launch: Launch, *, text: str, seconds: float) -> int:
    """The same, blocking, with `text` as its input: for the short steps before anything runs."""
    output = logs.open_append(launch.log)
    try:
        return subprocess.run(
            _leashed(launch),
            input=text,
            stdout=output,
            stderr=output,
            text=True,
            cwd=launch.cwd,
            env=_environment(launch),
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{launch.argv[0]} did not end within {seconds:.0f} s; see {launch.log}") from error
    finally:
        os.close(output)


def account_prefix(account: Account | None) -> tuple[str, ...]:
    """The arguments of setpriv that become this user."""
    if account is None:
        return ()
    return (f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")


def require_setpriv() -> str:
    """The program that ties a child to its parent. Raises MissingToolError."""
    found = shutil.which("setpriv", path=_SYSTEM_PATH)
    if found is None:
        raise MissingToolError(
            "missing: setpriv of util-linux, which ends the lab's processes when the lab dies (Linux only). Install: "
            "sudo apt-get install util-linux; on other systems use `docker compose up` in monitoring/"
        )
    return found


def _leashed(launch: Launch) -> tuple[str, ...]:
    prefix = (require_setpriv(), *account_prefix(launch.account), "--pdeathsig", launch.death_signal, "--")
    return (*prefix, *launch.argv)


def _environment(launch: Launch) -> dict[str, str]:
    return {"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **launch.env}
