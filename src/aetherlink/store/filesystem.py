"""Which file system a folder lies on, and whether a SQLite database in WAL mode is safe there.

WAL needs shared memory and locks that every process sees alike, and an fsync that means it. Network file systems and
the folders that Docker Desktop, WSL and virtual machines share with their host do not promise that; there a database
gets damaged in silence. So they are refused, and nothing overrides it.
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "davfs", "coda"})
_CLUSTER = frozenset({"ceph", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs", "pvfs2"})
_SHARED_WITH_HOST = frozenset(
    {"9p", "virtiofs", "drvfs", "vboxsf", "vmhgfs", "vmhgfs-fuse", "prl_fs", "fakeowner", "osxfs", "grpcfuse"}
)
_LOCAL_FUSE = frozenset(["fuseblk", "fuse.fuse-overlayfs"])
_OVERLAYS = frozenset(["overlay", "overlayfs", "aufs", "fuse.fuse-overlayfs"])
_IN_MEMORY = frozenset(["tmpfs", "ramfs"])
_DO = "set data_dir (AETHER_DATA_DIR) to a local disk or a named volume, or database_url to a PostgreSQL"
_OCTAL = re.compile(r"\\([0-7]{3})")


class Fitness(StrEnum):
    """How well a file system carries the database."""

    FIT = "fit"
    DOUBTFUL = "doubtful"
    UNFIT = "unfit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the folder lies on, with the reason and what to do in words."""

    fitness: Fitness
    words: str


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    device: str
    point: str
    kind: str


def judge(folder: Path, *, mounts: Path = MOUNTS) -> Judgement:
    """Look at the folder, which has to exist. Where no mounts can be read (not Linux) it says that it cannot tell."""
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
        place = folder.resolve(strict=True)
        number = place.stat().st_dev
    except OSError as problem:
        reason = f"the file system of {folder} cannot be told ({problem.strerror}): it has to be a local disk"
        return Judgement(Fitness.UNKNOWN, reason)
    mount = mount_of(str(place), parse(text), device=f"{os.major(number)}:{os.minor(number)}")
    if mount is None:
        return Judgement(Fitness.UNKNOWN, f"no mount was found for {folder}: it has to be on a local disk")
    return judgement(mount, folder)


def parse(text: str) -> list[Mount]:
    """The mounts, in the order of the file: a later one covers an earlier one of the same place."""
    return [mount for line in text.splitlines() if (mount := _mount(line)) is not None]


def mount_of(path: str, mounts: list[Mount], *, device: str) -> Mount | None:
    """The mount that holds the path: the longest mount point above it, those of its own device number first.

    Some file systems (btrfs, overlays) give files another device number than their mount: then length alone tells.
    """
    above = [mount for mount in mounts if PurePosixPath(path).is_relative_to(mount.point)]
    own = [mount for mount in above if mount.device == device]
    return max(enumerate(own or above), key=lambda each: (len(each[1].point), each[0]), default=(0, None))[1]


def judgement(mount: Mount, folder: Path) -> Judgement:
    """Whether the kind of this mount carries the database."""
    kind, where = mount.kind, f"{folder} is on {mount.kind} (mounted at {mount.point})"
    if kind in _OVERLAYS:
        return Judgement(Fitness.DOUBTFUL, f"{where}: the data goes away with the container; {_DO}")
    if kind in _IN_MEMORY:
        return Judgement(Fitness.DOUBTFUL, f"{where}: the data is in memory, and goes away with it; {_DO}")
    if reason := _against(kind):
        return Judgement(Fitness.UNFIT, f"{where}, {reason}: SQLite would be damaged there; {_DO}")
    return Judgement(Fitness.FIT, where)


def _against(kind: str) -> str:
    name = kind.removeprefix("fuse.")
    if name in _SHARED_WITH_HOST:
        return "a folder shared with the host of this container or virtual machine"
    if name in _NETWORK | _CLUSTER:
        return "a network file system"
    if kind.startswith("fuse") and kind not in _LOCAL_FUSE:
        return "a file system of another program, as a rule one over the network"
    return ""


def _mount(line: str) -> Mount | None:
    """`36 35 98:0 /root /mount/point options [fields ...] - kind source options`; None for what is no such line."""
    before, separator, after = line.partition(" - ")
    fields, kind = before.split(), after.split()
    if not separator or len(fields) < 6 or not kind:
        return None
    return Mount(device=fields[2], point=_OCTAL.sub(_letter, fields[4]), kind=kind[0])


def _letter(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))
