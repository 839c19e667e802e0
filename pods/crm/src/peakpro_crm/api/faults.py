"""/faults: switch faults on and off. Mounted only when CRM_FAULTS_ENABLED is true; it must never be in production.

Drills call it. Bodies are checked here; `faults` puts them into effect.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from peakpro_crm.api.context import TheParts
from peakpro_crm.errors import UnknownFaultError
from peakpro_crm.faults import Errors, Fault, FaultName, Faults, Hang, Latency, MemoryLeak, PoolLeak
from peakpro_crm.problems import documented

router = APIRouter(prefix="/faults", tags=["faults"], responses=documented(404, 422))

Name = Annotated[str, Path(examples=[FaultName.LATENCY.value], description=f"One of {', '.join(FaultName)}.")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LatencyIn(_Strict):
    """Settings of the latency fault."""

    seconds: float = Field(gt=0, le=60, allow_inf_nan=False)
    tenant: str | None = Field(default=None, max_length=63)


class ErrorsIn(_Strict):
    """Settings of the error fault."""

    ratio: float = Field(gt=0, le=1, allow_inf_nan=False)
    tenant: str | None = Field(default=None, max_length=63)


class PoolLeakIn(_Strict):
    """Settings of the pool leak."""

    connections: int = Field(ge=1, le=100)


class MemoryLeakIn(_Strict):
    """Settings of the memory leak."""

    mebibytes: int = Field(ge=1, le=4096)


class HangIn(_Strict):
    """Settings of the hang."""

    seconds: float = Field(gt=0, le=600, allow_inf_nan=False)


_BODIES: Mapping[FaultName, tuple[type[_Strict], type[Fault]]] = {
    FaultName.LATENCY: (LatencyIn, Latency),
    FaultName.ERRORS: (ErrorsIn, Errors),
    FaultName.POOL_LEAK: (PoolLeakIn, PoolLeak),
    FaultName.MEMORY_LEAK: (MemoryLeakIn, MemoryLeak),
    FaultName.HANG: (HangIn, Hang),
}
_EXAMPLES: Mapping[str, Any] = {
    FaultName.LATENCY: {"value": {"seconds": 0.8, "tenant": None}},
    FaultName.ERRORS: {"value": {"ratio": 0.5, "tenant": "acme-corp"}},
    FaultName.POOL_LEAK: {"value": {"connections": 4}},
    FaultName.MEMORY_LEAK: {"value": {"mebibytes": 200}},
    FaultName.HANG: {"value": {"seconds": 30}},
}
_AS_JSON: TypeAdapter[Fault] = TypeAdapter(Fault)


class ActiveFault(BaseModel):
    """A fault that is on."""

    name: FaultName
    settings: dict[str, Any]


class ActiveFaults(BaseModel):
    """The faults that are on."""

    items: list[ActiveFault]


@router.get("")
async def list_faults(parts: TheParts) -> ActiveFaults:
    """List the faults that are on."""
    return _listed(_switchboard(parts.faults))


@router.put("/{name}", responses=documented(503))
async def put_fault(
    name: Name, body: Annotated[dict[str, Any], Body(openapi_examples=dict(_EXAMPLES))], *, parts: TheParts
) -> ActiveFaults:
    """Switch a fault on, or change its settings. It stays on until lifted; a hang ends by itself."""
    faults, known = _switchboard(parts.faults), _known(name)
    schema, kind = _BODIES[known]
    try:
        settings = schema.model_validate(body).model_dump()
    except ValidationError as error:
        complaints = [{**item, "loc": ("body", *item["loc"])} for item in error.errors(include_url=False)]
        raise RequestValidationError(complaints) from error
    if settings.get("tenant") not in (None, *parts.tenants):
        raise RequestValidationError([{"loc": ("body", "tenant"), "msg": f"known are: {', '.join(parts.tenants)}"}])
    await faults.put(known, kind(**settings))
    return _listed(faults)


@router.delete("/{name}")
async def lift_fault(name: Name, parts: TheParts) -> ActiveFaults:
    """Lift one fault and give back what it holds; one that is not on is no error."""
    faults = _switchboard(parts.faults)
    await faults.lift(_known(name))
    return _listed(faults)


@router.delete("")
async def lift_faults(parts: TheParts) -> ActiveFaults:
    """Lift all faults."""
    faults = _switchboard(parts.faults)
    await faults.lift(*FaultName)
    return _listed(faults)


def _switchboard(faults: Faults | None) -> Faults:
    if faults is None:
        raise UnknownFaultError("the fault switchboard is off: set CRM_FAULTS_ENABLED=true")
    return faults


def _known(name: str) -> FaultName:
    try:
        return FaultName(name)
    except ValueError:
        raise UnknownFaultError(f"there is no such fault; there are: {', '.join(FaultName)}") from None


def _listed(faults: Faults) -> ActiveFaults:
    return ActiveFaults(
        items=[
            ActiveFault(name=name, settings=_AS_JSON.dump_python(fault, mode="json"))
            for name, fault in faults.active.items()
        ]
    )
