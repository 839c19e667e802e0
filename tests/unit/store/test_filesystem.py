"""Which file systems carry the database, told from lines of mountinfo as real machines have them."""

from pathlib import Path

import pytest

from aetherlink.errors import SettingsError
from aetherlink.store import folder
from aetherlink.store.filesystem import Fitness, Mount, judge, judgement, mount_of, parse

DEBIAN = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw,nosuid,nodev - tmpfs tmpfs rw,size=24684084k
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
61 27 0:52 / /srv/My\\040Files rw,relatime shared:30 - nfs4 10.0.0.5:/export rw,vers=4.2,hard,proto=tcp
62 27 8:17 / /srv/My\\040Files/disk rw,relatime - xfs /dev/sdb1 rw,attr2
"""
DOCKER = """\
701 612 0:90 / / rw,relatime master:210 - overlay overlay rw,lowerdir=/var/lib/docker/l/A,upperdir=/b,workdir=/c
702 701 0:93 / /proc rw,nosuid - proc proc rw
720 701 254:1 /docker/volumes/agent-data/_data /var/lib/aetherlink rw,relatime master:30 - ext4 /dev/vda1 rw
721 701 0:48 /host_mnt/Users/ann/data /data rw,nosuid,nodev,relatime - fakeowner /run/host_mark/Users rw
722 701 0:49 / /fuse rw,nosuid,nodev,relatime - fuse.grpcfuse grpcfuse rw,user_id=0,group_id=0
723 701 0:50 / /virtio rw,relatime - virtiofs virtiofs0 rw
"""
WSL = """\
75 80 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard
95 75 0:60 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync,aname=drvfs;path=C:\\;uid=1000,trans=fd
"""
BTRFS = "29 1 0:26 /@ / rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw,ssd,subvolid=256,subvol=/@\n"
COVERED = """\
27 1 254:0 / / rw - ext4 /dev/vda rw
40 27 254:2 / /data rw - ext4 /dev/vdb rw
41 27 0:70 / /data rw - cifs //nas/data rw
"""


@pytest.mark.parametrize(
    ("text", "path", "device", "kind"),
    [
        (DEBIAN, "/var/lib/aetherlink", "254:0", "ext4"),
        (DEBIAN, "/srv/My Files/agent", "0:52", "nfs4"),
        (DEBIAN, "/srv/My Files/disk/agent", "8:17", "xfs"),
        (DEBIAN, "/srv/My Files 2", "254:0", "ext4"),
        (DEBIAN, "/dev/shm/agent", "0:23", "tmpfs"),
        (DOCKER, "/var/lib/aetherlink", "254:1", "ext4"),
        (DOCKER, "/app/aetherlink-data", "0:90", "overlay"),
        (DOCKER, "/data", "0:48", "fakeowner"),
        (WSL, "/mnt/c/Users/ann", "0:60", "9p"),
        (WSL, "/home/ann", "8:32", "ext4"),
        (BTRFS, "/var/lib/aetherlink", "0:31", "btrfs"),
        (COVERED, "/data", "0:70", "cifs"),
        (COVERED, "/data", "0:99", "cifs"),
    ],
)
def test_a_path_is_on_the_mount_that_holds_it(text: str, path: str, device: str, kind: str) -> None:
    mount = mount_of(path, parse(text), device=device)

    assert mount is not None
    assert mount.kind == kind


def test_a_line_that_is_none_is_passed_over() -> None:
    assert parse("\nnothing\n1 2 3\n36 35 98:0 / /mnt rw\n") == []
    assert mount_of("/data", [], device="1:1") is None


NETWORK = ["nfs", "nfs4", "cifs", "smb3", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse"]
SHARED = ["9p", "virtiofs", "vboxsf", "drvfs", "fakeowner", "fuse.grpcfuse", "fuse.osxfs", "fuse.vmhgfs-fuse"]
UNFIT = [*NETWORK, *SHARED, "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse"]
FIT = ["ext4", "ext3", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "fuseblk"]


@pytest.mark.parametrize(
    ("kind", "fitness"),
    [
        *((kind, Fitness.UNFIT) for kind in UNFIT),
        *((kind, Fitness.FIT) for kind in FIT),
        *((kind, Fitness.DOUBTFUL) for kind in ("overlay", "tmpfs", "ramfs", "aufs", "fuse.fuse-overlayfs")),
    ],
)
def test_each_kind_is_judged(kind: str, fitness: Fitness) -> None:
    found = judgement(Mount("0:1", "/data", kind), Path("/data/agent"))

    assert found.fitness is fitness
    assert f"/data/agent is on {kind} (mounted at /data)" in found.words
    assert ("data_dir (AETHER_DATA_DIR)" in found.words) is (fitness is not Fitness.FIT)


def test_this_machine_can_be_told(tmp_path: Path) -> None:
    assert judge(tmp_path).fitness in (Fitness.FIT, Fitness.DOUBTFUL)


def mounts(tmp_path: Path, kind: str) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(f"27 1 0:0 / / rw - {kind} something rw\n")
    return file


def test_where_there_are_no_mounts_to_read_it_says_that_it_cannot_tell(tmp_path: Path) -> None:
    found = judge(tmp_path, mounts=tmp_path / "missing")

    assert found.fitness is Fitness.UNKNOWN
    assert "cannot be told (No such file or directory)" in found.words


def test_a_folder_on_an_unsafe_file_system_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^data_dir: .* is on nfs4 .*a network file system.*AETHER_DATA_DIR"):
        folder.check_file_system(tmp_path, mounts=mounts(tmp_path, "nfs4"))


def test_a_folder_that_may_go_away_is_warned_of_and_a_disk_is_not(tmp_path: Path) -> None:
    warning = folder.check_file_system(tmp_path, mounts=mounts(tmp_path, "overlay"))

    assert warning is not None
    assert "goes away with the container" in warning
    assert folder.check_file_system(tmp_path, mounts=mounts(tmp_path, "ext4")) is None
