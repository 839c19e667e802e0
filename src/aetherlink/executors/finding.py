"""Opens what finds targets by an alert's labels, for the executors that can: `docker` so far."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aetherlink.errors import SettingsError
from aetherlink.executors.docker_finding import Grounds
from aetherlink.ports import TargetFinder


@dataclass(frozen=True, slots=True)
class OpenedFinder:
    """It, with the way to close it."""

    finder: TargetFinder
    aclose: Callable[[], Awaitable[None]]


def open_docker_finder(host: str, grounds: Grounds) -> OpenedFinder:
    """On the daemon at that address, with connections of its own: a list that hangs keeps no action waiting."""
    try:
        from aetherlink.clients.docker import DockerDaemon  # noqa: PLC0415 - its SDK is an extra
        from aetherlink.executors.docker_finder import DockerFinder  # noqa: PLC0415 - as above
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"docker.host needs {problem.name}, which is not installed: pip install 'aetherlink[docker]'"
        ) from problem
    daemon = DockerDaemon(host)
    return OpenedFinder(DockerFinder(daemon, grounds), daemon.aclose)
