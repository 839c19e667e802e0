"""What the seed's routes take and give."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from aetherlink.api.shapes import Instant
from aetherlink.model.actions import Action
from aetherlink.model.decisions import Effect
from aetherlink.model.health import HealthStatus
from aetherlink.model.sources import SourceKind

_ACT_EXAMPLE: JsonDict = {"action": "restart_api", "reason": "manual test"}
_QUERY_EXAMPLE: JsonDict = {"ql": "aether:health_score:15m"}


class SourceHealth(BaseModel):
    """One outside source as the agent last saw it."""

    source: str = Field(examples=["lab"])
    kind: SourceKind
    up: bool | None = Field(description="null: not asked yet.")
    checked_at: Instant | None
    detail: str


class Health(BaseModel):
    """The health score as last read, and whether the agent itself can serve."""

    ok: bool = Field(description="The agent can serve (as /readyz); it says nothing of the score.")
    health_score: float | None = Field(description="0 to 100; null when there is none.", examples=[85.5])
    consecutive_low: int = Field(description="How many checks in a row were low.", examples=[0])
    status: HealthStatus | None = Field(description="How the last check counts; null before the first.")
    checked_at: Instant | None
    detail: str = Field(description="Why there is no score.")
    version: str
    sources: list[SourceHealth]


class QueryBody(BaseModel):
    """A PromQL query."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_QUERY_EXAMPLE]})

    ql: str = Field(min_length=1, max_length=16384, description="PromQL, evaluated now.")
    source: str | None = Field(default=None, max_length=200, description="The source to ask; the first one if absent.")


class ActBody(BaseModel):
    """A request for an action."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_ACT_EXAMPLE]})

    action: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=1000, description="Why, for the record.")
    service: str | None = Field(default=None, min_length=1, max_length=200)
    replicas: int | None = Field(default=None, ge=0, le=10_000, description="For scale: how many are wanted.")


class RequestDetails(BaseModel):
    """What became of the request."""

    id: str = Field(examples=["act-06f3qk2c8d1v7m4t"])
    decision: Effect
    rule: str = Field(examples=["mode_is_high_enough"])
    reason: str
    status_url: str = Field(examples=["/api/v1/actions/act-06f3qk2c8d1v7m4t"])


class Requested(BaseModel):
    """The answer to a request for an action."""

    accepted: bool = Field(description="The action goes on: now, or once a person approved it.")
    action: str = Field(examples=["restart_api"])
    details: RequestDetails


class Answer(BaseModel):
    """The answer to a PromQL query."""

    query: str = Field(examples=["aether:health_score:15m"])
    value: float | None = Field(
        description="The first sample's number; null when there is none, or when it is NaN or infinite.",
        examples=[85.5],
    )
    result: list[object] = Field(
        description="Prometheus' result as it came: a vector's samples; a scalar's or string's pair.",
        examples=[[{"metric": {"__name__": "aether:health_score:15m"}, "value": [1762113986.0, "85.5"]}]],
    )


def requested(name: str, action: Action) -> Requested:
    """What became of the request for the action of this name."""
    decision = action.decision
    details = RequestDetails(
        id=action.id,
        decision=decision.effect,
        rule=decision.rule,
        reason=decision.reason,
        status_url=f"/api/v1/actions/{action.id}",
    )
    return Requested(accepted=decision.is_accepted, action=name, details=details)
