"""The options of a lab, checked once at the edge. The command line builds them; everything below only reads them."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from aetherlink.lib.option_types import Count, Number

PortNumber = Annotated[int, Field(ge=0, le=65535)]
CRM_REPLICAS_MAX = 4


class LabPorts(BaseModel):
    """The TCP ports wanted on 127.0.0.1. 0 asks for any free one; a port that is taken moves, with a message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crm: PortNumber = 8000
    prometheus: PortNumber = 9090
    alertmanager: PortNumber = 9093
    agent: PortNumber = 8088


class LabOptions(BaseModel):
    """Everything that `aether lab up` can be told. Durations are seconds, sizes bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dir: Path = Field(default_factory=lambda: Path(".lab").absolute())
    """Data, logs, settings and the control socket of the lab; one lab a directory."""
    project_dir: Path = Field(default_factory=lambda: Path().absolute())
    """The checkout: monitoring/ is read from here, fetched tools are kept in its .cache/tools."""
    interval: Number = Field(default=1.0, ge=0.2, le=60)
    """Between two scrapes, two evaluations, two health checks and two probes."""
    ports: LabPorts = LabPorts()
    replicas: Count = Field(default=1, ge=1, le=CRM_REPLICAS_MAX)
    release: Literal["1.0.0", "1.1.0"] = "1.0.0"
    """The CRM's release to start with; 1.1.0 is bad on purpose."""
    traffic: bool = True
    traffic_rate: Number = Field(default=20.0, gt=0, le=2000)
    """Requests a second, over all tenants."""
    faults: bool = True
    """Whether the CRM's fault switchboard exists."""
    agent: bool = True
    agent_settings: dict[str, Any] = Field(default_factory=dict)
    """Laid over the settings file that the lab writes for the agent, key by key."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Passed on to every child; children see nothing else of the caller's environment."""
    agent_environment: dict[str, str] = Field(default_factory=dict)
    """Passed on to the agent alone: settings of the caller that win over those which the lab writes for it."""
    generation: Literal["stable", "next"] = "stable"
    tools_dir: Path | None = None
    """Where to look first for prometheus, promtool, alertmanager and amtool."""
    database_url: SecretStr | None = None
    """An existing PostgreSQL for the CRM. None: the lab runs its own."""
    postgres_bin: Path | None = None
    """A directory with initdb and postgres. None: the system's, else those of the Python environment."""
    python: Path = Path(sys.executable)
    ready_within: Number = Field(default=60.0, gt=0, le=600)
    grace: Number = Field(default=5.0, gt=0, le=60)
    """How long a service may take to stop before it is killed."""
    log_bytes: Count = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    """A log file that grows beyond this is cut; one earlier part is kept."""

    @field_validator("dir", "project_dir", "tools_dir", "postgres_bin")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()
