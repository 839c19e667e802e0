"""Settings of which labels of an alert name a container."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.model import container_labels

_Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=20)]


class ContainerLabelOptions(BaseModel):
    """Which labels of an alert name a container; of `address` the first one that is there counts, of the others all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Names = Field(
        default=container_labels.ID,
        description="Labels that hold a container's id, alone or at the end of a path as cAdvisor has it.",
    )
    name: _Names = Field(default=container_labels.NAME, description="Labels that hold a container's name.")
    service: _Names = Field(
        default=container_labels.SERVICE,
        description="Labels that hold the name of a compose service.",
    )
    project: _Names = Field(
        default=container_labels.PROJECT,
        description="Labels that hold the name of a compose project.",
    )
    address: _Names = Field(
        default=("target", "instance"),
        description="Labels that hold a URL or host:port, asked where none of the others is there: the host is a "
        "container's name, its service, or its address in a network of Docker.",
    )
