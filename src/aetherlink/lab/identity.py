"""Which process is meant: a number together with the instant that the kernel started it. Never a name.

Used wherever the lab looks at a process that it did not start itself a moment ago: a number alone may long belong to
somebody else's program.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Fields of /proc/PID/stat after the program's name, which may itself hold blanks and parentheses.
_STATE, _START_TICKS = 0, 19
_DEAD = frozenset({"Z", "X"})


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, for good: `born` names the machine's boot and the clock tick of the start."""

    pid: int
    born: str


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of a living process; None when there is none with this number (a zombie counts as none)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = text.rpartition(")")[2].split()
    if values[_STATE] in _DEAD:
        return None
    return ProcessIdentity(pid, f"{_boot_id()}:{values[_START_TICKS]}")


def is_alive(process: ProcessIdentity) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def send_signal(process: ProcessIdentity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def running_in(directory: Path, program: Path | None = None) -> list[ProcessIdentity]:
    """The processes (of this program) whose working directory this is; those of other users may be invisible."""
    found: list[ProcessIdentity] = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _runs(entry, directory, program):
            process = identify(int(entry.name))
            if process is not None:
                found.append(process)
    return found


def _runs(entry: Path, directory: Path, program: Path | None) -> bool:
    try:
        return (entry / "cwd").samefile(directory) and (program is None or (entry / "exe").samefile(program))
    except OSError:
        return False


def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
