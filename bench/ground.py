"""Where the measuring takes place: a folder on a real disk, how fast that disk is, what else used the machine."""

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.table import Row

_SYNCS = 200
_PIECE = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder of a part's own; `scale` makes big stores smaller for a quick try, `seconds` is the length of a load."""

    folder: Path
    scale: float = 1.0
    seconds: float = 5.0

    def count(self, full: int) -> int:
        """So many, at this scale."""
        return round(full * self.scale)


def fdatasync_row(folder: Path) -> Row:
    """What one durable write costs at least."""
    milliseconds = sorted(_synced(folder))
    p50, p99 = (milliseconds[int(share * len(milliseconds))] for share in (0.5, 0.99))
    return Row(
        f"fdatasync of 4 KiB in this folder ({_file_system(folder)}), p50 / p99",
        f"{p50:.2f} / {p99:.2f} ms",
        "the limits below are asked where p50 < 1 ms",
    )


def _synced(folder: Path) -> list[float]:
    file = folder / "synced"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return [_one_sync(descriptor) for _ in range(_SYNCS)]
    finally:
        os.close(descriptor)
        file.unlink()


def _one_sync(descriptor: int) -> float:
    os.write(descriptor, bytes(_PIECE))
    begun = time.perf_counter()
    os.fdatasync(descriptor)
    return (time.perf_counter() - begun) * 1000


def _file_system(folder: Path) -> str:
    """The kind of the file system that holds the folder."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(Path(where).parts), kind) for _, where, kind, *_ in mounts if folder.is_relative_to(where)]
    return max(holding)[1]


def load_of_machine() -> str:
    """The load averages of 1, 5 and 15 minutes: what else ran shows here."""
    return " ".join(Path("/proc/loadavg").read_text().split()[:3])


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)
