"""What a new container is made of: its sibling, as the daemon shows it, and nothing else. Pure."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from aetherlink.errors import ConflictError
from aetherlink.socketproxy.workloads import NUMBER, labels_of, name_of

REPLACES = "aether.replaces"
_CONFIG = (
    *("Hostname", "Domainname", "User", "ExposedPorts", "Tty", "OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck"),
    *("Volumes", "WorkingDir", "Entrypoint", "Labels", "StopSignal", "StopTimeout", "Shell"),
)
# What an image gives where the container's maker was silent; another image gives its own.
_FROM_IMAGE = (
    *("User", "ExposedPorts", "Cmd", "Healthcheck", "Volumes", "WorkingDir", "Entrypoint", "StopSignal", "Shell"),
)
_ENDPOINT = ("IPAMConfig", "Links", "DriverOpts", "GwPriority")
_UNNAMED_VOLUME = re.compile(r"[0-9a-f]{64}:")  # of the sibling alone, though a replacement has to name it
_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock")
_ABOVE_SOCKETS = frozenset({"/", "//", "/run", "/var", "/var/run"})

Body = dict[str, Any]


def check_fit(sibling: Mapping[str, Any]) -> None:
    """Raises ConflictError for a container that is not made anew: one that holds the machine, or cannot be copied."""
    host = sibling["HostConfig"]
    binds = (str(bind).partition(":")[0] for bind in host.get("Binds") or ())
    mounts = [*binds, *(str(mount.get("Source") or "") for mount in host.get("Mounts") or ())]
    name = name_of(sibling)
    reasons = {
        "it is privileged": host.get("Privileged"),
        "it shares the machine's processes, memory or users": "host"
        in {host.get("PidMode"), host.get("IpcMode"), host.get("UsernsMode")},
        "it holds a container engine's socket": any(map(_holds_a_socket, mounts)),
        "it is removed when it ends": host.get("AutoRemove"),
        "it takes volumes or a network from another container": host.get("VolumesFrom")
        or str(host.get("NetworkMode", "")).startswith("container:"),
        "it has links of the old kind": host.get("Links"),
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        raise ConflictError(f"{name} is not made anew: {reason}")


def _holds_a_socket(mount: str) -> bool:
    return posixpath.normpath(mount) in _ABOVE_SOCKETS or any(socket in mount for socket in _SOCKETS)


def replacement(old: Mapping[str, Any], old_image: Mapping[str, Any] | None, image: str) -> Body:
    """The same container with this image. Anonymous volumes go along; `old_image` None keeps the image's words."""
    body = _body(old, old_image, image)
    body["Labels"] = {**body["Labels"], REPLACES: old["Id"]}
    body["HostConfig"]["Binds"] = [*(old["HostConfig"].get("Binds") or ()), *_anonymous_volumes(old)]
    return body


def replica(sibling: Mapping[str, Any], sibling_image: Mapping[str, Any] | None, number: int) -> Body:
    """One more of the same, under this number, with the same image."""
    body = _body(sibling, sibling_image, sibling["Image"])
    body["Labels"] = {**body["Labels"], NUMBER: str(number)}
    body["Labels"].pop(REPLACES, None)
    binds = body["HostConfig"].get("Binds") or ()
    body["HostConfig"]["Binds"] = [bind for bind in binds if _UNNAMED_VOLUME.match(bind) is None]
    return body


def networks(sibling: Mapping[str, Any]) -> dict[str, Body]:
    """The networks that it is in, that of its mode first, each with what was asked for there."""
    mode = str(sibling["HostConfig"].get("NetworkMode", ""))
    if mode in {"none", "host"}:
        return {}
    found = sibling["NetworkSettings"].get("Networks") or {}
    first = sorted(found, key=lambda name: name != mode)  # the one of the mode has to be the first
    return {name: _endpoint(found[name], sibling["Id"]) for name in first}


def networks_of_replica(sibling: Mapping[str, Any]) -> dict[str, Body]:
    """The same networks, without what can be one container's only: an address, and its own name as an alias."""
    own = name_of(sibling)
    found = networks(sibling)
    return {
        name: {key: value for key, value in endpoint.items() if key != "IPAMConfig"}
        | {"Aliases": [alias for alias in endpoint.get("Aliases", ()) if alias != own]}
        for name, endpoint in found.items()
    }


def _endpoint(endpoint: Mapping[str, Any], id_: str) -> Body:
    kept = {key: endpoint[key] for key in _ENDPOINT if endpoint.get(key)}
    aliases = [alias for alias in endpoint.get("Aliases") or () if alias != id_[:12]]
    return {**kept, "Aliases": aliases} if aliases else kept


def _body(sibling: Mapping[str, Any], image: Mapping[str, Any] | None, new_image: str) -> Body:
    config = {key: sibling["Config"][key] for key in _CONFIG if sibling["Config"].get(key) is not None}
    if config.get("Hostname") == sibling["Id"][:12] or sibling["HostConfig"].get("NetworkMode") == "host":
        config.pop("Hostname", None)
    config["Labels"] = dict(labels_of(sibling))
    own = _without_the_images(config, (image or {}).get("Config") or {})
    return {**own, "Image": new_image, "HostConfig": dict(sibling["HostConfig"])}


def _without_the_images(config: Body, image: Mapping[str, Any]) -> Body:
    """What the container's maker said. What the image says as well is left to the image."""
    own = {key: value for key, value in config.items() if key not in _FROM_IMAGE or value != image.get(key)}
    if "Entrypoint" in own and "Cmd" in config:  # an entrypoint of its own takes the image's command away
        own["Cmd"] = config["Cmd"]
    own["Env"] = [pair for pair in config.get("Env", []) if pair not in (image.get("Env") or ())]
    given = image.get("Labels") or {}
    own["Labels"] = {name: value for name, value in config["Labels"].items() if given.get(name) != value}
    return own


def _anonymous_volumes(old: Mapping[str, Any]) -> list[str]:
    """Those that nobody named, as binds: what is in them belongs to the container's successor."""
    host = old["HostConfig"]
    named = {str(bind).split(":")[1] for bind in host.get("Binds") or () if ":" in str(bind)}
    named |= {mount.get("Target") for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}{'' if mount.get('RW', True) else ':ro'}"
        for mount in old.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name") and mount["Destination"] not in named
    ]
