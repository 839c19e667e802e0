"""Settings of the incidents: which labels mean what, who is a VIP, which alerts belong together."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration
from aetherlink.playbooks.schema import Matchers


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


class GroupingRule(BaseModel):
    """Alerts that are told apart by other things than the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Matchers = Field(description="Which alerts, by their labels, in Alertmanager's matcher syntax.")
    by: tuple[str, ...] = Field(
        min_length=1, description="What tells their incidents apart: tenant, service, or names of labels."
    )


class GroupingOptions(BaseModel):
    """Which alerts are one incident. An incident never spans two sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: tuple[str, ...] = Field(
        default=("tenant", "service"),
        min_length=1,
        description="What tells incidents apart: tenant, service, or names of labels. Where an alert has none of them "
        "but the tenant, its name does.",
    )
    rules: tuple[GroupingRule, ...] = Field(
        default=(), description="Alerts that are grouped otherwise; the first rule that matches counts."
    )
    symptoms: tuple[str, ...] = Field(
        default=("HealthScore*",),
        description="Names of alerts, or patterns of them (* and ?), that show that something is wrong and not what: "
        "they join the incident of their source and tenant that began within the merge window, before or after them.",
    )
    merge_window: Duration = Field(
        default=timedelta(minutes=15), description="How far apart a symptom and its cause may begin."
    )
    reopen_window: Duration = Field(
        default=timedelta(minutes=10),
        description="An incident that was resolved less than this ago is opened again instead of a second one.",
    )
    flap_count: Count = Field(
        default=4, ge=2, le=20, description="An incident flaps when its alerts fire anew this often within flap_window."
    )
    flap_window: Duration = Field(
        default=timedelta(minutes=15),
        description="The window of flap_count, and how long an incident that flapped is held to flap.",
    )
    look_again: Duration = Field(
        default=timedelta(seconds=5),
        description="How soon the pipeline looks again at an open incident of more than ten alerts that others join.",
    )


class ReceptionOptions(BaseModel):
    """How much may wait for the store before senders are told to come again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue_alerts: Count = Field(
        default=100_000, ge=1, description="How many alerts may wait; above it a webhook is answered 503."
    )
    queue_bytes: Count = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        description="How many bytes of webhooks may wait; above it a webhook is answered 503.",
    )
