"""What the labels of an alert say of a container, and whether a container is what they say. Pure.

A label is outside data: it is compared with what Docker lists, and never becomes part of a request.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors.docker_label_options import ContainerLabelOptions
from aetherlink.executors.docker_replicas import PROJECT, SERVICE

_OF_CADVISOR = "container_label_"
_FULL_ID = re.compile(r"(?:^|[/\-:])([0-9a-f]{64})(?:\.scope)?$")
_SHORT_ID = re.compile(r"[0-9a-f]{12,63}")
_SHORTEST_ID = 12
_NOT_OF_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_LONGEST = 1000  # characters of a label that names a container
_MOST_SHOWN = 80


class Kind(StrEnum):
    """What of a container a label speaks of."""

    ID = "id"
    NAME = "name"
    SERVICE = "service"
    PROJECT = "project"
    LABEL = "label"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Clue:
    """A label of the alert that speaks of a container; `sought` is what is compared."""

    kind: Kind
    label: str
    value: str
    sought: str

    @property
    def words(self) -> str:
        """The label as it came, cut short, on one line whatever it holds."""
        value = self.value if len(self.value) <= _MOST_SHOWN else f"{self.value[:_MOST_SHOWN]}..."
        return f"{self.label}={value!r}"

    def fits(self, container: Listed) -> bool:
        """Whether the container is what it says."""
        match self.kind:
            case Kind.ID:
                return container.id.startswith(self.sought)
            case Kind.NAME:
                return self.sought in container.names
            case Kind.SERVICE:
                return container.labels.get(SERVICE) == self.sought
            case Kind.PROJECT:
                return container.labels.get(PROJECT) == self.sought
            case Kind.LABEL:
                return self._fits_a_label(container)
            case Kind.HOST:
                return self.sought in _hosts(container)

    def fits_by_address(self, container: Listed) -> bool:
        """Whether it is nothing but the container's address in a network that it has now."""
        return self.kind is Kind.HOST and self.sought in map(_address, container.addresses)

    def _fits_a_label(self, container: Listed) -> bool:
        name = self.label.removeprefix(_OF_CADVISOR)
        same = (value for key, value in container.labels.items() if _NOT_OF_A_LABEL.sub("_", key) == name)
        return self.sought in same


def about_container(labels: Mapping[str, str], options: ContainerLabelOptions) -> tuple[Clue, ...]:
    """What speaks of a container itself: all of it has to be true of the one that is meant."""
    kinds = (
        (Kind.ID, options.id, _id),
        (Kind.NAME, options.name, _without_slash),
        (Kind.SERVICE, options.service, str),
        (Kind.PROJECT, options.project, str),
    )
    found = [
        Clue(kind, name, labels[name], sought)
        for kind, names, read in kinds
        for name in names
        if labels.get(name) and (sought := read(labels[name]))
    ]
    return (*found, *_of_cadvisor(labels, {clue.label for clue in found}))


def about_address(labels: Mapping[str, str], options: ContainerLabelOptions) -> Clue | None:
    """The first label of those that hold an address; None: there is none."""
    name = next((name for name in options.address if labels.get(name)), None)
    return None if name is None else Clue(Kind.HOST, name, labels[name], _host(labels[name]))


def is_url(clue: Clue) -> bool:
    """Whether it says what was asked for, as a blackbox exporter's alerts do, and not who was scraped."""
    return "://" in clue.value


def is_here(clue: Clue) -> bool:
    """Whether it means the very machine, or container, of whoever asked."""
    try:
        return ip_address(clue.sought).is_loopback
    except ValueError:
        return clue.sought == "localhost" or clue.sought.endswith(".localhost")


def _of_cadvisor(labels: Mapping[str, str], known: set[str]) -> Iterator[Clue]:
    for name, value in labels.items():
        if name.startswith(_OF_CADVISOR) and name not in known and value:
            yield Clue(Kind.LABEL, name, value, value)


def _id(value: str) -> str:
    """The id, or its beginning; empty for what is none: `id` may be anything, `/` of the machine itself."""
    full = _FULL_ID.search(value[-_LONGEST:])
    return full[1] if full else value if _SHORT_ID.fullmatch(value) else ""


def _without_slash(value: str) -> str:
    """Docker itself writes `/crm` for `crm`."""
    return value.removeprefix("/")


def _host(value: str) -> str:
    """The host of a URL, of host:port, or of a host alone, in small letters; empty where none can be read."""
    if len(value) > _LONGEST:
        return ""
    bare = value if "://" in value else f"//{value}"
    try:
        host = urlsplit(bare).hostname or ""
    except ValueError:
        return ""
    return _address(host.rstrip("."))


def _address(host: str) -> str:
    """An address in the one way to write it; a name as it is."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def _hosts(container: Listed) -> set[str]:
    """What the container can be reached by within Docker's networks, in small letters as hosts have it."""
    service = container.labels.get(SERVICE, "")
    names = {name.casefold() for name in (*container.names, service) if name}
    within = {f"{name}.{network.casefold()}" for name in names for network in container.networks}
    addresses = {_address(address) for address in container.addresses}
    return names | within | addresses | {container.id[:_SHORTEST_ID]}
