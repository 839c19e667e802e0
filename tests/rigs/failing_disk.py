"""A disk that fails under a process: by strace, which fails chosen calls, or by a disk that is small and full."""

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

_WATCHED = "trace=pwrite64,fdatasync,fsync"
_WRITE = re.compile(r"[\d.]+ pwrite64\(\d+<(?P<file>[^>]+)>, .*, (?P<size>\d+), (?P<at>\d+)\) = (?P<done>-?\d+)")
_SYNC = re.compile(r"[\d.]+ (?:fdatasync|fsync)\(\d+<(?P<file>[^>]+)>\) += (?P<done>-?\d+)")
_PIECE = 64 * 1024

Range = tuple[int, int]


def failing(trace: Path, *faults: str) -> list[str]:
    """Run a process with these faults, such as `fdatasync:error=EIO:when=5..9`: of each thread the 5th to the 9th.

    Every thread's writes and syncs stand in a file of its own, `trace` and the thread's number, each with its time.
    """
    injections = [word for fault in faults for word in ("-e", f"inject={fault}")]
    return ["strace", "-D", "-ff", "-y", "-qq", "-ttt", "-s", "0", "-o", str(trace), "-e", _WATCHED, *injections]


def on_small_disk(folder: Path, megabytes: int, *, log: Path = Path("/dev/stderr")) -> list[str]:
    """Run a process that finds a disk of this size mounted on the folder, and that logs there if it is told so.

    Nobody else sees that disk, save through `inside`.
    """
    script = 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && log=$3 && shift 3 && exec "$@" 2>>"$log"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(megabytes), str(folder), str(log)]


def inside(pid: int, path: Path) -> Path:
    """The path as that process sees it."""
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Nothing more fits on the folder's disk, until the block ends."""
    filler = folder / "filler"
    try:
        with io.FileIO(filler, "w") as file:
            for size in (_PIECE, 1):
                _write_until_full(file, bytes(size))
        yield
    finally:
        filler.unlink()


def _write_until_full(file: io.FileIO, piece: bytes) -> None:
    with suppress(OSError):
        while True:
            file.write(piece)


@dataclass(slots=True)
class _File:
    """What of one file was written and not synced yet, and what a failed sync may have lost."""

    dirty: list[Range] = field(default_factory=list)
    lost: list[Range] = field(default_factory=list)

    def wrote(self, written: Range) -> None:
        self.lost = list(_without(self.lost, written))
        self.dirty.append(written)

    def synced(self) -> None:
        self.dirty.clear()

    def failed(self) -> None:
        self.lost += self.dirty
        self.dirty.clear()


def _without(ranges: Iterable[Range], hole: Range) -> Iterator[Range]:
    for begin, end in ranges:
        if begin < min(end, hole[0]):
            yield begin, min(end, hole[0])
        if max(begin, hole[1]) < end:
            yield max(begin, hole[1]), end


def unsafe_commits(traces: Iterable[Path], database: Path) -> list[str]:
    """Where SQLite called something committed that a failed sync may have lost: there a power cut would lose it.

    The traces are all of one process: what a sync of one thread has lost, another may write again. A kernel may drop
    what it could not write, and call the next sync a success. So everything below the end of what is committed has to
    be written again after a sync that failed, in the log as in the database itself.
    """
    files: dict[str, _File] = {}
    found = []
    log = f"{database}-wal"
    for line in _in_order(traces):
        if match := _WRITE.match(line):
            begin = int(match["at"])
            if match["file"] == log and begin == 0:  # the log begins anew: the database has to hold it all
                main = files.setdefault(str(database), _File())
                found += [f"log begun anew over {main}"] if main.lost or main.dirty else []
                files.pop(log, None)
            if int(match["done"]) > 0:
                files.setdefault(match["file"], _File()).wrote((begin, begin + int(match["done"])))
        elif match := _SYNC.match(line):
            file = files.setdefault(match["file"], _File())
            if int(match["done"]) < 0:
                file.failed()
                continue
            end = max((end for _, end in file.dirty), default=0)
            found += [f"{match['file']} called durable over {file.lost}"] if any(b < end for b, _ in file.lost) else []
            file.synced()
    return found


def _in_order(traces: Iterable[Path]) -> list[str]:
    calls = [line for trace in traces for line in trace.read_text().splitlines() if line[:1].isdigit()]
    return sorted(calls, key=lambda line: Decimal(line.split(maxsplit=1)[0]))
