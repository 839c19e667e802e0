"""What of the agent's own life a container is, by everything that Docker's list tells of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors.docker_found import name_of
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Target
from aetherlink.policy.protection import protected_name


@dataclass(frozen=True, slots=True)
class OwnLife:
    """`names` as policy.protection has them, `hosts` where the agent's monitoring and database are, in small letters.

    `container` is the agent's own: the beginning of its id, which Docker gives it for a hostname.
    """

    names: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    container: str = ""

    def word(self, place: DockerPlace, members: Sequence[Listed]) -> str | None:
        """The protected name that one of these containers of a place has, or what it is; None: nothing of the kind."""
        for one in members:
            if len(self.container) >= 12 and one.id.startswith(self.container):
                return "the agent itself"
            if found := next(iter(self.hosts & {*map(str.casefold, (*one.names, *one.addresses))}), None):
                return found
        spelled = (Target(name_of(place), "docker", spelling) for spelling in _spellings(place, members))
        return next(filter(None, (protected_name(one, self.names) for one in spelled)), None)


def _spellings(place: DockerPlace, members: Sequence[Listed]) -> Iterator[str]:
    yield place.service or place.container
    for one in members:
        yield from one.names
        yield one.image
