"""What of the agent's own life a container is, by everything that Docker's list tells of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors.docker_options import DockerPlace
from aetherlink.model.actions import Observation
from aetherlink.policy.protection import life_in


@dataclass(frozen=True, slots=True)
class OwnLife:
    """`names` as policy.protection has them; `container` is the agent's own, as lib.own_container tells it."""

    names: frozenset[str] = frozenset()
    container: str = ""

    def word(self, place: DockerPlace, members: Sequence[Listed]) -> str | None:
        """The protected name that one of these containers of a place has, or what it is; None: nothing of the kind."""
        is_agent = bool(self.container) and any(one.id.startswith(self.container) for one in members)
        aliases = tuple(_spellings(place, members))
        return life_in(
            Observation(ready=0, wanted=0, oldest_start=None, aliases=aliases, is_agent=is_agent), self.names
        )


def _spellings(place: DockerPlace, members: Sequence[Listed]) -> Iterator[str]:
    yield place.service or place.container
    for one in members:
        yield from one.names
        yield one.image
        yield from (address.replace(":", "-") for address in one.addresses)  # no part of it is a port
