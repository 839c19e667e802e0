"""What a process holds, read from /proc."""

from pathlib import Path

MIB = 2**20


def peak_memory(pid: int) -> int:
    """The most bytes of memory that were ever resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def open_files(pid: int) -> int:
    """How many descriptors are open now."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
