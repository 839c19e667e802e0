"""Where a lab keeps what, and the lock that allows one lab a directory.

Everything lies below the lab's directory (mode 0700), but for a control socket whose path would be too long for a
socket: that one is a link to a short private place.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aetherlink.lab import files
from aetherlink.lab.errors import LabBusyError

_SHORT_ROOT = Path("/tmp")  # noqa: S108 - the one short path everywhere; the directory made below it is private


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of the lab in the directory `root`."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def record(self) -> Path:
        """What runs now, for those who look from outside."""
        return self.root / "lab.json"

    @property
    def control(self) -> Path:
        """The control socket's advertised path."""
        return self.root / "control.sock"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def rules(self) -> Path:
        return self.config / "rules"

    @property
    def crm_targets(self) -> Path:
        """The CRM's replicas, for Prometheus' file discovery."""
        return self.config / "crm_targets.json"

    @property
    def webhook_token(self) -> Path:
        return self.root / "secrets" / "webhook.token"

    def log(self, service: str) -> Path:
        """The log file of a service."""
        return self.root / "logs" / f"{service}.log"

    def data(self, service: str) -> Path:
        """What a service stores, kept over restarts of the lab."""
        return self.root / "data" / service


def prepare(root: Path) -> Layout:
    """Make the directories."""
    layout = Layout(root)
    kept = [layout.data(name) for name in ("prometheus", "alertmanager", "agent")]
    for path in (root, root / "logs", layout.config, layout.rules, layout.webhook_token.parent, root / "data", *kept):
        files.make_private_dir(path)
    return layout


def control_socket(layout: Layout) -> Path:
    """The path to bind: the advertised one, or a short one that the advertised one then links to."""
    layout.control.unlink(missing_ok=True)
    if files.fits_socket(layout.control):
        return layout.control
    short = files.short_private_dir(layout.root, owner=os.geteuid(), base=_SHORT_ROOT, label="lab") / "control.sock"
    short.unlink(missing_ok=True)
    layout.control.symlink_to(short)
    return short


@contextlib.contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Be the one lab of this directory. Raises LabBusyError. The kernel lets go when the holder dies."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabBusyError(
                f"a lab runs in {layout.root} already: look at it with `aether lab status`, end it with `aether lab down`, "
                "or name another directory"
            ) from error
        yield
    finally:
        os.close(descriptor)


def is_held(layout: Layout) -> bool:
    """Whether a lab runs in this directory, or is starting or stopping there."""
    try:
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
