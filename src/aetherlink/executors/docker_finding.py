"""Which target the labels of an alert mean among the containers that Docker lists, or why none. Pure: it asks nobody.

Nothing is found that no person has given to the agent: by the label `aether.managed=true`, by its compose project in
`docker.projects`, or as a declared target. The labels of an alert only ever choose among those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aetherlink.clients.docker_containers import Listed
from aetherlink.executors import docker_matching as matching
from aetherlink.executors.docker_found import name_of, target_of
from aetherlink.executors.docker_matching import Match
from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace
from aetherlink.executors.docker_own_life import OwnLife
from aetherlink.executors.docker_replicas import MANAGED, ONE_OFF
from aetherlink.model.actions import Target
from aetherlink.model.findings import Finding

UNNAMED = Finding(None, "no label of the alert speaks of a container", is_named=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """A target of the settings, and where it is."""

    target: Target
    place: DockerPlace

    def is_at(self, place: DockerPlace, containers: Sequence[Listed]) -> bool:
        """Whether it is there, or is what these containers are, all of them."""
        own = self.place
        if own.container:
            return all(own.container in one.names for one in containers)
        return (own.project, own.service) == (place.project, place.service)

    def is_part_of(self, containers: Sequence[Listed]) -> bool:
        """Whether it is one of these containers."""
        return any(self.place.container in one.names for one in containers)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a find rests on besides the list: the settings, the declared targets, what the agent lives on."""

    options: DockerExecutorOptions
    declared: tuple[Declared, ...] = ()
    own_life: OwnLife = field(default_factory=OwnLife)


def found(labels: Mapping[str, str], listed: Sequence[Listed], grounds: Grounds) -> Finding:
    """The target that these labels mean, of the containers that Docker lists, or why none. Asks nobody.

    A container that only an address tells of is not asked since when it has it: docker_finder does that.
    """
    match = meant(labels, listed, grounds.options)
    return UNNAMED if match is None else finding_of(match, listed, grounds)


def meant(labels: Mapping[str, str], listed: Sequence[Listed], options: DockerExecutorOptions) -> Match | None:
    """The containers that the labels mean; None: no label speaks of one. One of another machine means none here."""
    match = matching.match(labels, listed, options.labels)
    lacking = [one.words for one in options.alerts if not one.matches(labels)]
    if match is None or not lacking:
        return match
    reason = f"it is of another machine than this Docker, by docker.alerts: the alert lacks {', '.join(lacking)}"
    return replace(match, containers=(), is_named=True, problem=reason)


def finding_of(match: Match, listed: Sequence[Listed], grounds: Grounds) -> Finding:
    """The target that the match means, if it may be acted on."""
    if match.problem:
        return Finding(None, match.problem, match.is_named)
    places = {*map(matching.place_of, match.containers)}
    if len(places) > 1:
        return Finding(None, f"{match.words} means several: {matching.named(match.containers)}")
    [place] = places
    members = [one for one in listed if matching.place_of(one) == place]
    own = [one for one in grounds.declared if one.is_at(place, match.containers) or one.is_part_of(members)]
    if reason := _torn(match, place, own) if own else _withheld(match, place, members, grounds):
        return Finding(None, reason)
    target = own[0].target if own else target_of(name_of(place))
    if target is None:
        return Finding(None, f"{place.words} has a name that no target can have: declare it under `targets`")
    by = tuple(clue.label for clue in match.by)
    return Finding(target, f"{match.words} means {matching.named(match.containers)}, {place.words}", by=by)


def _torn(match: Match, place: DockerPlace, own: Sequence[Declared]) -> str:
    """Why what is declared of a place is not all that is meant of it, or too much; empty when it is just that."""
    names = ", ".join(sorted(one.target.name for one in own))
    if len(own) > 1:
        return f"{place.words} is in several targets: {names}"
    return (
        ""
        if own[0].is_at(place, match.containers)
        else f"{place.words}: part of it is target {names}: declare the service"
    )


def _is_given(container: Listed, grounds: Grounds) -> bool:
    place = matching.place_of(container)
    if any(one.is_at(place, [container]) for one in grounds.declared):
        return True
    return container.labels.get(MANAGED) == "true" or bool(place.project and place.project in grounds.options.projects)


def _withheld(match: Match, place: DockerPlace, members: Sequence[Listed], grounds: Grounds) -> str:
    """Why what nobody declared may not be acted on; empty when a person has given it to the agent."""
    word = grounds.own_life.word(place, members)
    if word is not None:
        return f"{place.words} is what the agent lives on ({word})"
    if any(one.labels.get(ONE_OFF, "").casefold() == "true" for one in match.containers):
        return f"{matching.named(match.containers)} was made for one command (`docker compose run`)"
    kept = [one for one in members if one.labels.get(MANAGED, "true") != "true"]
    if kept:
        return f"{matching.named(kept)} is kept from the agent by its label {MANAGED}"
    bare = [one for one in match.containers if not _is_given(one, grounds)]
    if not bare:
        return ""
    project = f", or set docker.projects: [{place.project}]" if place.project else ""
    return f"{matching.named(bare)} was not given to the agent: label it {MANAGED}=true{project}, or declare a target"
