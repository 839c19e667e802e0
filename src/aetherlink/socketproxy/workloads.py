"""Which containers may be changed, told from what the daemon says about them."""

from collections.abc import Mapping
from typing import Any

from aetherlink.errors import ForbiddenError

MANAGED = "aether.managed"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"


class Workloads:
    """The opt-in: the label, or a compose project or service of the settings. `own`: the proxy's container."""

    def __init__(self, declared: tuple[str, ...], *, own: str) -> None:
        self._declared = frozenset(declared)
        self._own = own

    def check(self, container: Mapping[str, Any]) -> None:
        """Raises ForbiddenError for a container that may not be changed; it is given as inspected."""
        name = name_of(container)
        if self._own and str(container["Id"]).startswith(self._own):
            raise ForbiddenError("the proxy does not change its own container")
        labels = labels_of(container)
        if MANAGED in labels:
            if labels[MANAGED] != "true":
                raise ForbiddenError(f"the label {MANAGED} of {name} says no")
        elif not self._is_declared(labels):
            raise ForbiddenError(f"{name} is not opted in: it has no label {MANAGED}=true and no project of workloads")

    def _is_declared(self, labels: Mapping[str, str]) -> bool:
        project, service = labels.get(PROJECT), labels.get(SERVICE)
        return is_replica(labels) and bool({project, f"{project}/{service}"} & self._declared)


def is_replica(labels: Mapping[str, str]) -> bool:
    """Whether it is a replica of a compose service. Images that Compose builds carry project and service too."""
    return PROJECT in labels and SERVICE in labels and labels.get(ONE_OFF) == "False"


def labels_of(container: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an inspected container."""
    found: Mapping[str, str] = container["Config"].get("Labels") or {}
    return found


def name_of(container: Mapping[str, Any]) -> str:
    """Its name as people write it."""
    return str(container["Name"]).removeprefix("/")


def key_of(labels: Mapping[str, str], name: str) -> str:
    """Under which its images are remembered: the service for all of its replicas, else the container's name."""
    if is_replica(labels):
        return f"{labels[PROJECT]}/{labels[SERVICE]}"
    return name
