"""Settings of the executor `docker`, and where its targets are found."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aetherlink.executors.docker_label_options import ContainerLabelOptions
from aetherlink.lib.option_types import Duration
from aetherlink.playbooks.schema import Matchers

_LONGEST_SOCKET_PATH = 107  # Linux keeps 108 bytes for it, one of them the end


def _checked_host(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "unix":
        path = text.removeprefix("unix://")
        if not PurePosixPath(path).is_absolute() or len(path.encode()) > _LONGEST_SOCKET_PATH or parts.query:
            raise ValueError(
                f"{text!r} is no socket's path of at most {_LONGEST_SOCKET_PATH} bytes: unix:///run/x.sock"
            )
        return text
    if parts.scheme != "tcp" or not parts.hostname or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise ValueError(f"{text!r} is not like unix:///var/run/docker.sock or tcp://socket-proxy:2375")
    return f"tcp://{parts.hostname}:{parts.port or 2375}" if ":" not in parts.hostname else text


DockerHost = Annotated[str, AfterValidator(_checked_host)]
ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
ContainerName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,126}$")]


@dataclass(frozen=True, slots=True)
class DockerPlace:
    """Where a target is: a service of a compose project, or one container by its name.

    With `is_by_label` a service's containers count only where they carry the label `aether.managed=true`. One that
    `is_found` was declared by nobody.
    """

    project: str = ""
    service: str = ""
    container: str = ""
    is_by_label: bool = False
    is_found: bool = False

    @property
    def words(self) -> str:
        """For people."""
        return f"container {self.container}" if self.container else f"service {self.service} of project {self.project}"


class DockerExecutorOptions(BaseModel):
    """The executor for containers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: DockerHost | None = Field(
        default=None,
        description="Where Docker, or better a proxy before it, listens: `unix:///path` or `tcp://host:port`, without "
        "TLS. Not set: no target can use `docker`.",
    )
    grace: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=10))] = Field(
        default=timedelta(seconds=10),
        description="From SIGTERM to SIGKILL, in whole seconds, for containers that have no `stop_grace_period` of "
        "their own. It has to fit into `pipeline.action_deadline`.",
    )
    projects: tuple[ProjectName, ...] = Field(
        default=(),
        max_length=100,
        description="Compose projects whose services the agent may act on where an alert's labels name one of them "
        "(`target: {from: labels, executor: docker}`). A container with the label `aether.managed=true` needs no line "
        "here, and one with `aether.managed=false` is left alone.",
    )
    alerts: Matchers = Field(
        default=(),
        description="What an alert has to carry for its labels to mean containers of this Docker, in Alertmanager's "
        "matcher syntax, such as `['instance=\"host-a:8080\"']`. Has to be set where the alerts tell of containers of "
        "several machines (a cAdvisor on each): a container there may have the name of one here.",
    )
    labels: ContainerLabelOptions = Field(
        default=ContainerLabelOptions(), description="Which labels of an alert name a container."
    )
