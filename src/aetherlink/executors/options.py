"""Settings of the executors."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.clients.http_target_options import HttpTargetOptions
from aetherlink.executors.docker_options import DockerExecutorOptions, DockerPlace


class LabExecutorOptions(BaseModel):
    """The lab's executor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control_socket: Path | None = Field(
        default=None, description="The Unix socket of the lab's control API. Not set: no target can use `lab`."
    )


class ExecutorOptions(BaseModel):
    """Every executor's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lab: LabExecutorOptions = Field(default=LabExecutorOptions(), description="The lab's executor.")
    http: Mapping[str, HttpTargetOptions] = Field(
        default_factory=dict, description="What may be asked of the targets of the executor `http`, by their names."
    )
    docker: DockerExecutorOptions = Field(default=DockerExecutorOptions(), description="The executor for containers.")
    containers: Mapping[str, DockerPlace] = Field(
        default_factory=dict, description="Where the targets of the executor `docker` are, by their names."
    )
