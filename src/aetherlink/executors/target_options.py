"""What may be declared as a target, and what is refused of all targets together."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.http_target_options import HttpRequestOptions, HttpTargetOptions
from aetherlink.executors.docker_options import ContainerName, DockerPlace, ProjectName
from aetherlink.lib.option_types import Count, Cpus, Name, Number, Size
from aetherlink.model.actions import CPU, Limits, Target
from aetherlink.model.decisions import Mode
from aetherlink.model.ids import TargetName
from aetherlink.playbooks import form_problems

_LIMITING = ("docker", "dry_run")


def _limits(memory: int | None, cpus: float | None) -> Limits:
    return Limits(memory or 0, round((cpus or 0) * CPU))


def _checked_name(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError(f"{text!r} is no tenant's name: no alert could have it in a label")
    return text


class TargetOptions(BaseModel):
    """Something that the agent may change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    executor: Literal["docker", "dry_run", "http", "lab"] = Field(
        description="Which executor acts on it; `dry_run` only says what it would do."
    )
    service: Name | None = Field(
        default=None,
        description="Its name as the executor knows it; for `docker` that of a compose service. Only a `container` has "
        "none.",
    )
    project: ProjectName | None = Field(default=None, description="For `docker`: the compose project of the service.")
    container: ContainerName | None = Field(
        default=None,
        description="For `docker`, in place of project and service: one container by its name. It has to carry the "
        "label `aether.managed=true`.",
    )
    min: Count = Field(default=1, ge=0, le=1000, description="The least number of replicas.")
    max: Count = Field(default=1, ge=1, le=1000, description="The greatest number of replicas.")
    floor: Count = Field(
        default=0,
        ge=0,
        le=1000,
        description="No action may leave fewer replicas ready than this while others are; at most `max`.",
    )
    healthy_share: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The same as a share of the wanted replicas: 0.5 keeps half, rounded up. The stricter one holds.",
    )
    depends_on: tuple[Name, ...] = Field(
        default=(), max_length=100, description="Targets without which it cannot be well: it waits until they are."
    )
    mode: Mode = Field(
        default=Mode.AUTO, description="The most that automation may do to it: observe, approve or auto."
    )
    break_glass: bool = Field(
        default=False, description="Lets the agent act on what it lives on itself. Leave it out, but for a lab."
    )
    tenant: Annotated[str, Field(max_length=200), AfterValidator(_checked_name)] = Field(
        default="",
        description="Whom it serves. A request for it counts among this tenant's actions, waits for its pauses, and is "
        "for a VIP where the tenant is one; left out: it is for nobody's.",
    )
    http: HttpTargetOptions | None = Field(
        default=None, description="What may be asked of it: for the executor `http`, and for `dry_run` where it likes."
    )

    max_memory: Size | None = Field(
        default=None,
        description="The most memory that the action `limits` may let each replica use, `1G` say. Not set: its limit "
        "is not changed.",
    )
    min_memory: Size | None = Field(
        default=None,
        description="The least that `limits` may lower it to. Not set: it is only raised, and lowered to take that "
        "back.",
    )
    max_cpus: Cpus | None = Field(default=None, description="The same as `max_memory` for processors, `1.5` say.")
    min_cpus: Cpus | None = Field(default=None, description="The same as `min_memory` for processors.")

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        for name, least, most in (
            ("memory", self.min_memory, self.max_memory),
            ("cpus", self.min_cpus, self.max_cpus),
        ):
            if most is not None and self.executor not in _LIMITING:
                raise ValueError(f"max_{name}: the executor `{self.executor}` changes no limits: take it out")
            if least is not None and (most is None or least > most):
                raise ValueError(f"min_{name} needs a max_{name} that is not below it")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        if self.floor > self.max:
            raise ValueError(f"floor ({self.floor}) is above max ({self.max})")
        return self

    @model_validator(mode="after")
    def _fits_its_executor(self) -> Self:
        if self.executor == "http" and self.http is None:
            raise ValueError("http: the executor `http` needs it, to know what may be asked of the target")
        if self.executor in ("docker", "lab") and self.http is not None:
            raise ValueError(
                f"http: the executor `{self.executor}` sends no requests: take it out, or take the executor `http`"
            )
        return self

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.executor != "docker":
            if self.service is None:
                raise ValueError("service: it is missing: its name as the executor knows it")
            if self.project is not None or self.container is not None:
                raise ValueError(f"project and container are for the executor `docker`, not for `{self.executor}`")
        elif self.container is None and (self.project is None or self.service is None):
            raise ValueError("the executor `docker` needs `project` and `service`, or `container`")
        elif self.container is not None and (self.project is not None or self.service is not None):
            raise ValueError("container: it goes without `project` and `service`")
        return self

    @property
    def docker_place(self) -> DockerPlace | None:
        """Where the executor `docker` finds it; None for other executors."""
        if self.executor != "docker":
            return None
        return DockerPlace(project=self.project or "", service=self.service or "", container=self.container or "")

    @property
    def requests(self) -> Mapping[str, HttpRequestOptions]:
        """What may be sent to it, by name."""
        return {} if self.http is None else self.http.requests

    def declared_as(self, name: str) -> Target:
        """The target of this name in the words of the model."""
        return Target(
            name=TargetName(name),
            executor=self.executor,
            service=self.service or self.container or "",
            minimum=self.min,
            maximum=self.max,
            floor=self.floor,
            depends_on=tuple(map(TargetName, self.depends_on)),
            mode=self.mode,
            is_break_glass=self.break_glass,
            healthy_share=self.healthy_share,
            tenant=self.tenant,
            requests=() if self.http is None else self.http.declared,
            place="" if self.docker_place is None else self.docker_place.words,
            most=_limits(self.max_memory, self.max_cpus),
            least=_limits(self.min_memory, self.min_cpus),
        )


def check_dependencies(targets: Mapping[str, TargetOptions]) -> None:
    """Raises ValueError for a target that depends on itself, on an unknown one, or on one that depends on it."""
    for name, target in targets.items():
        for other in target.depends_on:
            if other == name:
                raise ValueError(f"targets.{name}.depends_on: a target cannot depend on itself")
            if other not in targets:
                near = form_problems.nearest(other, targets)
                raise ValueError(
                    f"targets.{name}.depends_on: there is no target {other!r}{near or ': declare it under `targets`'}"
                )
    try:
        TopologicalSorter({name: target.depends_on for name, target in targets.items()}).prepare()
    except CycleError as problem:
        circle = " -> ".join(reversed(problem.args[1]))
        raise ValueError(f"targets: these depend on each other in a circle: {circle}") from None
