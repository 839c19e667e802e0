"""Reads somebody's compose file: which services there are, and where the files of its Prometheus and Alertmanager lie.

Only files are read, no daemon is asked. Variables have their defaults: what they are set to, the file does not say.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from aetherlink.adoption.stack import Workload
from aetherlink.adoption.workloads import image_name, is_store, workload
from aetherlink.adoption.yaml_lines import LARGEST_FILE, why_unread
from aetherlink.errors import SettingsError

_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)")
_NO_PROJECT = re.compile(r"[^a-z0-9_-]")
_MOST_SERVICES = 1000


@dataclass(frozen=True, slots=True)
class Server:
    """Prometheus or Alertmanager as a service: where it is reached inside, its file out here, its networks.

    `network_mode` takes it out of the networks; empty where it is in them.
    """

    service: str
    url: str
    file: Path | None
    networks: tuple[str, ...]
    mounts: tuple[tuple[Path, str], ...] = ()
    network_mode: str = ""

    def outside(self, path: str) -> Path | None:
        """Where a path of the container lies on this machine; None where nothing is mounted over it."""
        near = [(source, target) for source, target in self.mounts if _is_below(path, target)]
        if not near:
            return None
        source, target = max(near, key=lambda one: len(one[1]))
        rest = posixpath.relpath(path, target)
        return source if rest == "." else source / rest


@dataclass(frozen=True, slots=True)
class ComposeStack:
    """What a compose file says."""

    path: Path
    project: str
    workloads: tuple[Workload, ...]
    prometheus: Server | None
    alertmanagers: tuple[Server, ...]
    version: str = ""

    @property
    def servers(self) -> tuple[Server, ...]:
        """Its Prometheus and its Alertmanagers."""
        return (*(() if self.prometheus is None else (self.prometheus,)), *self.alertmanagers)


def read_compose(path: Path, project: str | None = None) -> ComposeStack:
    """The stack of the file. Raises SettingsError when it cannot be read as a compose file."""
    data = _data(path)
    services = data.get("services")
    if not isinstance(services, dict) or not services or len(services) > _MOST_SERVICES:
        raise SettingsError(f"{path}: it has no `services`: is this a compose file?")
    name = project or _project(data, path)
    found = {str(key): value for key, value in services.items() if isinstance(value, dict)}
    of_kind = {kind: [key for key in found if _image(found[key]) == kind] for kind in ("prometheus", "alertmanager")}
    prometheus = [
        _server(path, key, found[key], "/etc/prometheus/prometheus.yml", 9090) for key in of_kind["prometheus"]
    ]
    return ComposeStack(
        path=path,
        project=name,
        workloads=tuple(_workload(name, key, one) for key, one in found.items()),
        prometheus=prometheus[0] if len(prometheus) == 1 else None,
        alertmanagers=tuple(
            _server(path, key, found[key], "/etc/alertmanager/alertmanager.yml", 9093)
            for key in of_kind["alertmanager"]
        ),
        version=str(data.get("version") or ""),
    )


def _data(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise SettingsError(f"{path} has more than {LARGEST_FILE >> 10} KiB: that is no compose file")
        data = _substituted(yaml.safe_load(content.decode("utf-8")), depth=0)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as problem:
        raise SettingsError(f"{path} cannot be read as a compose file{why_unread(problem)}") from problem
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: it has no `services`: is this a compose file?")
    return data


def _substituted(value: Any, *, depth: int) -> Any:
    """With the defaults of its variables; one without a default is empty."""
    if depth > 20:
        raise ValueError("it is nested too deeply")
    match value:
        case str():
            return _VARIABLE.sub(lambda one: one[1] or "", value.replace("$$", "\0")).replace("\0", "$")
        case dict():
            return {key: _substituted(below, depth=depth + 1) for key, below in value.items()}
        case list():
            return [_substituted(below, depth=depth + 1) for below in value]
    return value


def _project(data: Mapping[str, Any], path: Path) -> str:
    """As Compose names it: what the file says, else its folder in small letters."""
    given = data.get("name")
    name = given if isinstance(given, str) and given else path.absolute().parent.name
    return _NO_PROJECT.sub("", name.lower()).lstrip("_-") or "default"


def _image(service: Mapping[str, Any]) -> str:
    return image_name(str(service.get("image") or ""))


def _workload(project: str, key: str, service: Mapping[str, Any]) -> Workload:
    container = str(service.get("container_name") or "")
    depends = service.get("depends_on") or ()
    return workload(
        project=project,
        service=key,
        container=container,
        image=str(service.get("image") or ""),
        other_names=frozenset({*_aliases(service), str(service.get("hostname") or "")}),
        depends_on=tuple(map(str, depends)),
        managed=_label(service, "aether.managed"),
        is_store=is_store(str(service.get("image") or "")),
    )


def _label(service: Mapping[str, Any], name: str) -> str | None:
    labels = service.get("labels") or {}
    pairs = labels if isinstance(labels, dict) else dict(str(one).partition("=")[::2] for one in labels)
    return None if name not in pairs else str(pairs[name]).lower()


def _aliases(service: Mapping[str, Any]) -> Iterator[str]:
    networks = service.get("networks")
    for one in networks.values() if isinstance(networks, dict) else ():
        if isinstance(one, dict):
            yield from map(str, one.get("aliases") or ())


def _server(path: Path, key: str, service: Mapping[str, Any], usual: str, port: int) -> Server:
    mounts = tuple(_mounts(path.absolute().parent, service))
    networks = service.get("networks") or ("default",)
    mode = str(service.get("network_mode") or "")
    server = Server(key, f"http://{key}:{port}", None, tuple(map(str, networks)), mounts, mode)
    return replace(server, file=server.outside(_config_file(service) or usual))


def _config_file(service: Mapping[str, Any]) -> str | None:
    command = service.get("command") or ()
    words = command.split() if isinstance(command, str) else [str(one) for one in command]
    for number, word in enumerate(words):
        name, equals, value = word.strip("'\"").partition("=")
        if name in ("--config.file", "-config.file"):
            return value if equals else next(iter(words[number + 1 : number + 2]), None)
    return None


def _mounts(folder: Path, service: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What of this machine is seen inside: folders and files, not volumes."""
    for one in service.get("volumes") or ():
        if isinstance(one, dict):
            source, target = str(one.get("source") or ""), str(one.get("target") or "")
            is_bind = one.get("type") == "bind"
        else:
            source, _, rest = str(one).partition(":")
            target = rest.partition(":")[0]
            is_bind = source.startswith((".", "/", "~"))
        if is_bind and source and target:
            yield (folder / Path(source).expanduser()).resolve(), posixpath.normpath(target)


def _is_below(path: str, target: str) -> bool:
    return path == target or path.startswith(target.rstrip("/") + "/")
