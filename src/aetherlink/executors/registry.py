"""Every executor by its name. A new one is one new file and one line here."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from aetherlink.clients.http_target import HttpTarget
from aetherlink.clients.lab_control import LabControl
from aetherlink.errors import SettingsError
from aetherlink.executors.docker_found import place_of, with_found
from aetherlink.executors.dry_run import DryRun, imagining
from aetherlink.executors.http import HttpExecutor
from aetherlink.executors.lab import LabExecutor
from aetherlink.executors.options import ExecutorOptions
from aetherlink.model.actions import Target
from aetherlink.ports import Clock, Executor


@dataclass(frozen=True, slots=True)
class Ground:
    """What an executor may be made from: every executor's options, the targets that are its own, the time."""

    options: ExecutorOptions
    targets: tuple[Target, ...]
    clock: Clock


class Following(Protocol):
    """What an executor does beside being asked, while the agent runs: it listens to what happens to its targets."""

    def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """An executor with the way to close it, and where there is one what listens for it; that is told whom to tell.

    Who only looks, as `aether check` does, leaves that alone: nothing listens before it is started.
    """

    executor: Executor
    aclose: Callable[[], Awaitable[None]]
    following: Callable[[Callable[[bool], None]], Following] | None = None


async def _nothing() -> None:
    """For executors that hold nothing open."""


def _lab(ground: Ground) -> Opened:
    socket = ground.options.lab.control_socket
    if socket is None:
        raise SettingsError("a target uses the executor `lab`: set lab.control_socket to the lab's socket")
    control = LabControl(socket)
    return Opened(LabExecutor(control), control.aclose)


def _dry_run(ground: Ground) -> Opened:
    return Opened(imagining(ground.targets, ground.clock), _nothing)


def _http(ground: Ground) -> Opened:
    settings = ground.options.http
    bare = [target.name for target in ground.targets if target.name not in settings]
    if bare:
        raise SettingsError(
            f"{', '.join(bare)} of the executor `http`: set targets.NAME.http to what may be asked of it"
        )
    clients = {target.name: HttpTarget(target.name, settings[target.name]) for target in ground.targets}

    async def aclose() -> None:
        for client in clients.values():
            await client.aclose()

    return Opened(HttpExecutor(clients), aclose)


def _docker(ground: Ground) -> Opened:
    options = ground.options.docker
    if options.host is None:
        raise SettingsError("a target uses the executor `docker`: set docker.host to where Docker, or a proxy, listens")
    try:
        from aetherlink.executors.docker import opened_docker  # noqa: PLC0415 - its SDK is an extra
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"the executor `docker` needs {problem.name}, which is not installed: pip install 'aetherlink[docker]'"
        ) from problem
    declared = ground.options.containers
    places = with_found(declared, partial(place_of, projects=options.projects), declared)
    opened = opened_docker(options.host, options.grace, places)
    return Opened(opened.executor, opened.aclose, opened.following)


BUILTIN: Mapping[str, Callable[[Ground], Opened]] = {
    "docker": _docker,
    "dry_run": _dry_run,
    "http": _http,
    "lab": _lab,
}


def open_executors(
    targets: Collection[Target], options: ExecutorOptions, *, clock: Clock, is_dry_run: bool = False
) -> dict[str, Opened]:
    """The executors that the targets use; in a dry run they look and only say what they would do.

    That for containers is opened wherever Docker is set up: targets may be found there. Raises SettingsError for an
    unknown one, or one that is not set up.
    """
    opened = {}
    found = set() if options.docker.host is None else {"docker"}
    for name in sorted({target.executor for target in targets} | found):
        if name not in BUILTIN:
            raise SettingsError(f"there is no executor {name!r}: known are {', '.join(sorted(BUILTIN))}")
        own = tuple(target for target in targets if target.executor == name)
        made = BUILTIN[name](Ground(options, own, clock))
        opened[name] = _without_hands(made) if is_dry_run else made
    return opened


def _without_hands(opened: Opened) -> Opened:
    """One that only imagines already goes on remembering what it imagined."""
    return opened if isinstance(opened.executor, DryRun) else replace(opened, executor=DryRun(opened.executor))
