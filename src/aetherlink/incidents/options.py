"""Settings of the incidents: which labels mean what, and who is a VIP."""

from pydantic import BaseModel, ConfigDict, Field


class LabelOptions(BaseModel):
    """Which labels of an alert mean what: of each list the first label that is there and not empty counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: tuple[str, ...] = Field(
        default=("tenant", "tenant_id", "customer"), description="Labels that name the tenant."
    )
    service: tuple[str, ...] = Field(
        default=("service", "app", "container_label_com_docker_compose_service", "job"),
        description="Labels that name the service.",
    )
    severity: tuple[str, ...] = Field(
        default=("severity", "priority", "level"),
        description="Labels that say how bad it is: critical, warning or info; the usual synonyms are understood.",
    )
    heartbeat: tuple[str, ...] = Field(
        default=("Watchdog",), description="Names of alerts that always fire: heard, and never an incident."
    )
