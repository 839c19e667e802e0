"""What Prometheus, Alertmanager and Docker say of themselves, read into the words of this room. No I/O.

All of it comes from outside: what is not as it should be is refused as a whole, by the name of who said it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from aetherlink.adoption.compose_override import OWN_SERVICES
from aetherlink.adoption.stack import Scraped, StackRule, Workload
from aetherlink.adoption.workloads import is_store, workload
from aetherlink.errors import AnswerError

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
_NO = "False"  # as Compose writes it


class _Rule(msgspec.Struct):
    name: str = ""
    query: str = ""
    type: str = ""
    labels: dict[str, str] = {}


class _Group(msgspec.Struct):
    name: str
    rules: list[_Rule] = []


class _Groups(msgspec.Struct):
    groups: list[_Group]


class _Target(msgspec.Struct, rename="camel"):
    labels: dict[str, str] = {}
    scrape_url: str = ""


class _Targets(msgspec.Struct, rename="camel"):
    active_targets: list[_Target]


class _Config(msgspec.Struct):
    original: str = ""


class _Status(msgspec.Struct):
    config: _Config


class _Network(msgspec.Struct):
    address: str = msgspec.field(default="", name="IPAddress")


class _NetworkSettings(msgspec.Struct, rename="pascal"):
    networks: dict[str, _Network] | None = None


class _Container(msgspec.Struct, rename="pascal"):
    names: list[str] = []
    image: str = ""
    labels: dict[str, str] | None = None
    network_settings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)


Shape = TypeVar("Shape")


def rules_of(data: object) -> tuple[StackRule, ...]:
    """The alerting rules of GET /api/v1/rules. Raises AnswerError."""
    groups = _shaped(_data(data), _Groups, "the rules of Prometheus").groups
    return tuple(
        StackRule(rule.name, rule.query, rule.labels, group.name)
        for group in groups
        for rule in group.rules
        if rule.type == "alerting"
    )


def scraped_of(data: object) -> tuple[Scraped, ...]:
    """The targets of GET /api/v1/targets?state=active. Raises AnswerError."""
    targets = _shaped(_data(data), _Targets, "the targets of Prometheus").active_targets
    found = (_scraped(one) for one in targets)
    return tuple(sorted(found, key=lambda one: (one.job, one.instance)))


def original_of(data: object) -> str:
    """The configuration of GET /api/v2/status, with its secrets left out by Alertmanager. Raises AnswerError."""
    status: _Status = _shaped(data, _Status, "the status of Alertmanager")
    return status.config.original


def workloads_of(data: object) -> tuple[Workload, ...]:
    """The containers of Docker's GET /containers/json, replicas of a service as one. Raises AnswerError."""
    containers = _shaped(data, list[_Container], "the containers of Docker")
    replicas: dict[tuple[str, str], list[_Container]] = {}
    for one in containers:
        labels = one.labels or {}
        project, service, one_off = (labels.get(name, "") for name in (_PROJECT, _SERVICE, _ONE_OFF))
        if one_off.lower() == "true" or service in OWN_SERVICES:
            continue
        is_replica = project and service and one_off == _NO  # an image that Compose built has the first two as well
        key = (project, service) if is_replica else ("", _name(one))
        replicas.setdefault(key, []).append(one)
    return tuple(sorted(_workloads(replicas), key=lambda one: one.name))


def _workloads(replicas: dict[tuple[str, str], list[_Container]]) -> Iterator[Workload]:
    for (project, service), containers in replicas.items():
        names = sorted(filter(None, map(_name, containers)))
        managed = next((mark for one in containers if (mark := (one.labels or {}).get("aether.managed"))), None)
        is_named = len(names) == 1 and names[0] not in (f"{project}-{service}-1", f"{project}_{service}_1")
        if names:
            yield workload(
                project=project,
                service=service if project else "",
                container=names[0] if is_named or not project else "",
                image=containers[0].image,
                other_names=frozenset([*names, *_addresses(containers)]),
                managed=None if managed is None else managed.lower(),
                is_store=is_store(containers[0].image),
            )


def _addresses(containers: Iterable[_Container]) -> Iterator[str]:
    for one in containers:
        yield from (network.address for network in (one.network_settings.networks or {}).values())


def _name(container: _Container) -> str:
    """Its own name: those with a slash in them are links of others to it."""
    names = [one.removeprefix("/") for one in container.names]
    return next((one for one in names if "/" not in one), "")


def _scraped(target: _Target) -> Scraped:
    parts = urlsplit(target.scrape_url)
    asked = parse_qs(parts.query).get("target", [""])[0]
    labels = target.labels
    return Scraped(labels.get("job", ""), labels.get("instance", ""), host_of(parts.netloc), host_of(asked))


def host_of(address: str) -> str:
    """The host of a URL, or of `host:port`; empty where there is none."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""


def _data(answer: object) -> object:
    return answer.get("data") if isinstance(answer, dict) else None


def _shaped(data: object, shape: type[Shape] | Any, what: str) -> Any:
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as problem:
        raise AnswerError(f"{what} are not as they should be: {problem}") from problem


def merged(containers: Iterable[Workload], services: Iterable[Workload]) -> tuple[Workload, ...]:
    """What runs, with what the compose file adds of it: names, order of start; and what is only written there."""
    written = {(one.project, one.service): one for one in services}
    found = []
    for one in containers:
        beside = written.pop((one.project, one.service), None) if one.service else None
        found.append(one if beside is None else _of_both(one, beside))
    return tuple(sorted([*found, *written.values()], key=lambda each: each.name))


def _of_both(running: Workload, written: Workload) -> Workload:
    """One workload of both: what runs says what it is, the file what it depends on."""
    return Workload(
        name=written.name,
        project=running.project,
        service=running.service,
        container=running.container or written.container,
        image=running.image or written.image,
        names=running.names | written.names,
        depends_on=written.depends_on,
        is_store=running.is_store or written.is_store,
        why_not=running.why_not or written.why_not,
    )
