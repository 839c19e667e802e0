"""Every executor by its name. A new one is one new file and one line here."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from aetherlink.clients.lab_control import LabControl
from aetherlink.errors import SettingsError
from aetherlink.executors.lab import LabExecutor
from aetherlink.executors.options import ExecutorOptions
from aetherlink.ports import Executor


@dataclass(frozen=True, slots=True)
class Opened:
    """An executor with the way to close it."""

    executor: Executor
    aclose: Callable[[], Awaitable[None]]


def _lab(options: ExecutorOptions) -> Opened:
    if options.lab.control_socket is None:
        raise SettingsError("a target uses the executor `lab`: set lab.control_socket to the lab's socket")
    control = LabControl(options.lab.control_socket)
    return Opened(LabExecutor(control), control.aclose)


BUILTIN: Mapping[str, Callable[[ExecutorOptions], Opened]] = {
    "lab": _lab,
}


def open_executors(names: Iterable[str], options: ExecutorOptions) -> dict[str, Opened]:
    """The executors that the targets use. Raises SettingsError for an unknown one, or one that is not set up."""
    opened = {}
    for name in sorted(set(names)):
        if name not in BUILTIN:
            raise SettingsError(f"there is no executor {name!r}: known are {', '.join(sorted(BUILTIN))}")
        opened[name] = BUILTIN[name](options)
    return opened
