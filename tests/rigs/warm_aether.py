"""`aether`, forked from a process that has loaded it: to load it takes longer than most of what a test asks of it.

Its output goes to files, to which the log writes at once: what is about a reader that is slow, or goes away, starts the
real command. What is about loading itself (memory, the time until it is ready, another program around it) does too.
"""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from aetherlink.cli import main

PROCESSES = multiprocessing.get_context("forkserver")
"""There is one such server for all who fork: it loads what any of them needs."""
PROCESSES.set_forkserver_preload(
    ["aetherlink.app", "aetherlink.cli.entry", "httpx", "rich.table", "rich.console", "rigs.crashing_agent"]
)


class WarmAether:
    """One such process, with the part of subprocess.Popen that tests use."""

    def __init__(
        self, arguments: Sequence[str | Path], environment: Mapping[str, str], folder: Path, *, out: Path, err: Path
    ) -> None:
        self._arguments = arguments
        words = [str(word) for word in arguments]
        self._process: ForkServerProcess = PROCESSES.Process(
            target=_become, args=(words, dict(environment), folder, out, err), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it lives."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same: it is looked at anew each time."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises TimeoutExpired when that takes longer than `timeout` seconds."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(list(self._arguments), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing once it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """As `kill` without -9 does."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As `kill -9` does."""
        self.send_signal(signal.SIGKILL)


def run(
    arguments: Sequence[str | Path], environment: Mapping[str, str], folder: Path, *, timeout: float = 30
) -> subprocess.CompletedProcess[str]:
    """`aether` with these arguments, to its end. Raises TimeoutExpired, and kills it, after so many seconds."""
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = WarmAether(arguments, environment, folder, out=out, err=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def _become(arguments: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    """In the child: what a shell sets up before it starts a command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, number in (("/dev/null", 0), (out, 1), (err, 2)):
        opened = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115 - they are open until it ends
    sys.argv = ["aether", *arguments]
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a forked process ends without, and the log has its last words there
