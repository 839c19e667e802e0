"""Targets of the executor `docker` that nobody declared: their names say all of it, so that nothing has to be kept.

`compose:peakpro.crm` is a service of a project, `container:redis_cache` one container. No declared target can have such
a name, and what a declared target has is known by no other: all that holds a target back goes by its name. Where one
may be acted on is looked up whenever it is looked at: who takes the opt-in away ends it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from aetherlink.executors.docker_options import DockerPlace
from aetherlink.lib.deriving import Deriving
from aetherlink.model.actions import Target
from aetherlink.model.ids import TargetName

K = TypeVar("K", bound=str)
V = TypeVar("V")

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
        return DockerPlace(project=project, service=service, is_by_label=project not in projects, is_found=True)
    if found := _CONTAINER.fullmatch(name):
        return DockerPlace(container=found[1], is_found=True)
    return None


def target_of(name: TargetName) -> Target | None:
    """The target that such a name says: one replica at least and at most; None for any other name."""
    place = place_of(name, ())
    if place is None:
        return None
    return Target(name, executor="docker", service=place.service or place.container, place=place.words)


def with_found(
    declared: Mapping[K, V], derive: Callable[[K], V | None], places: Mapping[K, DockerPlace]
) -> Deriving[K, V]:
    """The declared ones, and by their names those that are found; but nothing that is at one of the declared places."""

    def free(name: K) -> V | None:
        return None if owner(name, places) else derive(name)

    return Deriving(declared, free, partial(_told, places=places))


def owner(name: str, places: Mapping[K, DockerPlace]) -> K | None:
    """Which declared target has what such a name says; None: none, as far as names tell."""
    place = place_of(name, ())
    return None if place is None else next((each for each, own in places.items() if _has(own, place)), None)


def _told(name: str, places: Mapping[K, DockerPlace]) -> str:
    found = owner(name, places)
    return "" if found is None else f"it is target {found}, go by that name"


def _has(declared: DockerPlace, place: DockerPlace) -> bool:
    if place.container and not declared.container:
        stem, number = place.container.replace("_", "-"), f"{declared.project}-{declared.service}-".replace("_", "-")
        return stem.startswith(number) and stem.removeprefix(number).isdecimal()  # as Compose names a replica
    same = (declared.project, declared.service, declared.container)
    return same == (place.project, place.service, place.container)
