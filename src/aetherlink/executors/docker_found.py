"""Targets of the executor `docker` that nobody declared: their names say all of it, so that nothing has to be kept.

`compose:peakpro.crm` is a service of a project, `container:redis_cache` one container. No declared target can have such
a name. Where one may be acted on is looked up whenever it is looked at: who takes the opt-in away ends it.
"""

import re
from collections.abc import Collection

from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Target
from aetherlink.model.ids import TargetName

_SERVICE = re.compile(r"compose:([a-z0-9][a-z0-9_-]{0,62})\.([a-zA-Z0-9][a-zA-Z0-9_.-]{0,62})", re.ASCII)
_CONTAINER = re.compile(r"container:([a-zA-Z0-9][a-zA-Z0-9_.-]{0,126})", re.ASCII)


def name_of(place: DockerPlace) -> TargetName:
    """The name of the target that this place is."""
    return TargetName(f"container:{place.container}" if place.container else f"compose:{place.project}.{place.service}")


def place_of(name: str, projects: Collection[str]) -> DockerPlace | None:
    """The place that such a name says; None for any other name.

    A service of none of these projects needs the label, as a single container always does.
    """
    if found := _SERVICE.fullmatch(name):
        project, service = found.groups()
        return DockerPlace(project=project, service=service, is_by_label=project not in projects)
    if found := _CONTAINER.fullmatch(name):
        return DockerPlace(container=found[1])
    return None


def target_of(name: TargetName) -> Target | None:
    """The target that such a name says: one replica at least and at most; None for any other name."""
    place = place_of(name, ())
    if place is None:
        return None
    return Target(name, executor="docker", service=place.service or place.container, place=place.words)
