"""What a process uses, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """Resident memory in MiB, and CPU seconds since the process began."""

    resident: float
    cpu_seconds: float


def usage(pid: int) -> Usage:
    """What the process uses now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(resident=pages * _PAGE / 2**20, cpu_seconds=ticks / _TICKS)
