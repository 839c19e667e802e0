"""Where a lab keeps what, and the lock that allows one lab a directory.

Everything lies below the lab's directory (mode 0700), but for a control socket whose path would be too long for a
socket: that one is a link to a short private place.
"""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aetherlink.lab import files, identity
from aetherlink.lab.errors import LabBusyError
from aetherlink.lab.identity import ProcessIdentity
from aetherlink.lab.waiting import until

_LOCK_SECONDS = 0.5
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
    def playbooks(self) -> Path:
        """The built-in playbooks, as the lab's agent is given them."""
        return self.config / "playbooks"

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
    short = files.short_private_dir(layout.root, base=_SHORT_ROOT, label="lab") / "control.sock"
    short.unlink(missing_ok=True)
    layout.control.symlink_to(short)
    return short


@contextlib.asynccontextmanager
async def hold(layout: Layout) -> AsyncIterator[None]:
    """Be the one lab of this directory. Raises LabBusyError. The kernel lets go when the holder dies."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Somebody who only looks holds the lock for an instant, too: hence not at the first refusal.
        if not await until(lambda: _try_lock(descriptor), seconds=_LOCK_SECONDS):
            raise LabBusyError(
                f"a lab runs in {layout.root} already: look at it with `aether lab status`, end it with "
                "`aether lab down`, or name another directory"
            )
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def holder(layout: Layout) -> ProcessIdentity | None:
    """The process whose lab runs in this directory, or starts or stops there; None when there is none."""
    try:
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(descriptor):
            return None
        pid, _, born = os.read(descriptor, 200).decode("ascii", errors="replace").partition(" ")
        return ProcessIdentity(int(pid) if pid.isdigit() else 0, born)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int) -> None:
    me = identity.identify(os.getpid())
    if me is not None:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{me.pid} {me.born}".encode("ascii"))
