"""What a running lab writes down about itself, so that others find it and a later lab can clean up after it.

Written by the supervisor whenever a process starts or ends; read by `remote` and by the next lab in the directory.
"""

import signal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from aetherlink.lab import files, identity
from aetherlink.lab.identity import ProcessIdentity
from aetherlink.lab.layout import Layout
from aetherlink.lab.waiting import until

_QUIT_SECONDS = 3.0
_KILL_SECONDS = 5.0


class ProcessRecord(BaseModel):
    """A process by number and birth."""

    model_config = ConfigDict(frozen=True)

    service: str
    pid: int
    born: str

    @property
    def identity(self) -> ProcessIdentity:
        return ProcessIdentity(self.pid, self.born)


class LabRecord(BaseModel):
    """One run of a lab. `moved` tells which ports are not the ones asked for, and why."""

    model_config = ConfigDict(frozen=True)

    lab: ProcessRecord
    started_at: AwareDatetime
    control_socket: str
    urls: dict[str, str]
    moved: tuple[str, ...] = ()
    children: tuple[ProcessRecord, ...] = ()


def write(layout: Layout, record: LabRecord) -> None:
    """Replace the record."""
    files.write_atomic(layout.record, record.model_dump_json(indent=2))


def read(layout: Layout) -> LabRecord | None:
    """The record of the lab that runs or ran here; None when there is none, or none that can be read."""
    try:
        return LabRecord.model_validate_json(layout.record.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


async def end_leftovers(record: LabRecord) -> list[str]:
    """End the processes of a lab that is gone, each by its identity; the services of those that still lived."""
    alive = [child for child in record.children if identity.is_alive(child.identity)]

    def are_gone() -> bool:
        return not any(identity.is_alive(child.identity) for child in alive)

    # SIGQUIT lets a database drop its shared memory; the others end at once by it, too.
    for number, seconds in ((signal.SIGQUIT, _QUIT_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        for child in alive:
            identity.send_signal(child.identity, number)
        if await until(are_gone, seconds=seconds):
            break
    return [child.service for child in alive]
