"""Settings of the executors."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


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
