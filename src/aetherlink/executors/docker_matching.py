"""Which containers of Docker's list the labels of an alert mean. Pure: it neither asks nor permits anything.

What speaks of a container itself comes first, and all of it has to be true. An address counts where nothing else does,
for with an exporter it is the exporter's: it only narrows what the rest leaves open.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors import docker_clues as clues
from aetherlink.executors.docker_clues import Clue, Kind
from aetherlink.executors.docker_label_options import ContainerLabelOptions
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.executors.docker_replicas import MANAGED, PROJECT, SERVICE, is_composed, is_replica

_MEASURES = re.compile(r"exporter|cadvisor|pushgateway|telegraf|collectd|otel-?col(lector)?|opentelemetry-collector")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Match:
    """The containers that are meant, or the `problem` in words. `is_named`: labels speak of a container itself."""

    containers: tuple[Listed, ...]
    by: tuple[Clue, ...]
    is_named: bool
    problem: str = ""

    @property
    def words(self) -> str:
        """The labels that tell, for people."""
        return ", ".join(clue.words for clue in self.by[:_MOST_NAMED])

    def is_by_address(self, container: Listed) -> bool:
        """Whether nothing but an address in a network tells that it is this one."""
        return not self.is_named and all(clue.fits_by_address(container) for clue in self.by)


def place_of(container: Listed) -> DockerPlace:
    """The service of a project that it is a replica of, or itself."""
    if is_replica(container.labels):
        return DockerPlace(project=container.labels[PROJECT], service=container.labels[SERVICE])
    return DockerPlace(container=name_of(container))


def name_of(container: Listed) -> str:
    """Its own name; among them are others, with a slash, by which containers that are linked to it know it."""
    return next((name for name in container.names if "/" not in name), container.id[:12])


def named(containers: Iterable[Listed]) -> str:
    """Some of them by their names, for people."""
    names = sorted(name_of(one) for one in containers)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def match(labels: Mapping[str, str], listed: Sequence[Listed], options: ContainerLabelOptions) -> Match | None:
    """None: no label speaks of a container."""
    said, address = clues.about_container(labels, options), clues.about_address(labels, options)
    if not said:
        return None if address is None else _reached(address, listed)
    found = _without_strays(one for one in listed if all(clue.fits(one) for clue in said))
    if not found:
        return Match((), said, is_named=True, problem=_none(said, listed))
    closer = tuple(one for one in found if address is not None and address.fits(one))
    is_closer = len({*map(place_of, found)}) > 1 and bool(closer) and address is not None
    by = (*said, address) if is_closer and address is not None else said
    return Match(closer if is_closer else found, by, is_named=True)


def _without_strays(found: Iterable[Listed]) -> tuple[Listed, ...]:
    """Those that only share a service's labels are not meant by it, unless nothing else can be."""
    every = tuple(found)
    return tuple(one for one in every if is_replica(one.labels) or not is_composed(one.labels)) or every


def _reached(address: Clue, listed: Sequence[Listed]) -> Match:
    found = _without_strays(one for one in listed if address.fits(one))
    return Match(found, (address,), is_named=False, problem=_not_meant(address, found))


def _not_meant(address: Clue, found: Sequence[Listed]) -> str:
    """Why the address means none of the containers that it leads to; empty when it does."""
    if clues.is_here(address):
        return f"{address.words} is the very machine, or container, of whoever asked"
    if not found:
        return f"{address.words} leads to no container of Docker"
    if clues.is_url(address):
        return ""
    measuring = [one for one in found if _measures_others(one) and one.labels.get(MANAGED) != "true"]
    if not measuring:
        return ""
    return (
        f"{address.words} is {named(measuring)}, which measures others, and no label says whom the alert is about "
        f"(label it {MANAGED}=true if it is meant itself)"
    )


def _measures_others(container: Listed) -> bool:
    image = container.image.partition("@")[0].rpartition("/")[2]
    spellings = (*container.names, container.labels.get(SERVICE, ""), image)
    return any(_MEASURES.search(spelling.casefold()) for spelling in spellings)


def _none(said: Sequence[Clue], listed: Sequence[Listed]) -> str:
    """Which label nothing is true of any more, or that they contradict each other."""
    gone = [clue for clue in said if not any(clue.fits(one) for one in listed)]
    others = [clue for clue in said if clue not in gone]
    left = [one for one in listed if others and all(clue.fits(one) for clue in others)]
    if gone and all(clue.kind in (Kind.ID, Kind.LABEL) for clue in gone) and left:
        return f"the container of the alert ({_words(gone)}) is gone: {named(left)} was made anew since"
    if gone:
        return f"Docker has no container with {_words(gone)}: it is gone, or was never here"
    return f"no single container has all of {_words(said)}"


def _words(said: Sequence[Clue]) -> str:
    return ", ".join(clue.words for clue in said[:_MOST_NAMED])
