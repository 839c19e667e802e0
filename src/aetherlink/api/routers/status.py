"""GET /api/v1/status: how the agent itself stands, part by part."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from aetherlink.api import delivery_shapes, shapes
from aetherlink.api.shapes import Instant
from aetherlink.model.decisions import Mode
from aetherlink.model.principals import Scope
from aetherlink.model.sources import SourceKind
from aetherlink.web.guard import Needs, guarded_router
from aetherlink.web.services import ApiServices


class PartShape(BaseModel):
    """One part of the agent."""

    name: str = Field(examples=["pipeline"])
    is_alive: bool = Field(examples=[True])


class SourceShape(BaseModel):
    """One source, and whether it answered when it was last asked."""

    source: str = Field(examples=["lab"])
    kind: SourceKind
    is_up: bool | None = Field(description="Null: not asked yet.", examples=[True])
    checked_at: Instant | None
    detail: str = Field(description="The last error; empty: none.", examples=[""])
    is_blind: bool = Field(description="Its heartbeat has stopped.", examples=[False])


class StatusShape(BaseModel):
    """How the agent stands."""

    version: str = Field(examples=["1.2.0"])
    mode: Mode
    pause: shapes.PauseState = Field(description="What is paused now, whatever the mode; planned pauses are left out.")
    frozen: list[str] = Field(
        description="The freezes in force, in words.", examples=[["no changes at the weekend: until Monday"]]
    )
    is_ready: bool = Field(examples=[True])
    unready: list[str] = Field(description="Why not, in words.", examples=[[]])
    parts: list[PartShape]
    sources: list[SourceShape]
    store: str = Field(description="Its kind.", examples=["SQLite"])
    free_bytes: int | None = Field(description="On the disk of data_dir; null: unknown.", examples=[52428800000])
    low_disk_bytes: int = Field(description="With less room the disk is not well.", examples=[536870912])
    entries: int = Field(description="Of all timelines.", examples=[1210])
    channels: list[delivery_shapes.ChannelShape]


def router(services: ApiServices) -> APIRouter:
    """The one route."""
    routes = guarded_router(prefix="/api/v1/status", tag="status")
    may_read = [Depends(Needs(services.gate, Scope.READ))]

    @routes.get("", summary="How the agent stands, part by part", dependencies=may_read)
    async def status() -> StatusShape:
        """What is known now; nobody outside is asked for it."""
        states = await services.store.read(lambda rows: rows.deliveries.states())
        pauses = await services.pause_commands.pauses()
        unready = list(services.readiness())
        return StatusShape(
            version=services.version,
            mode=services.stance.mode,
            pause=shapes.pauses([one for one in pauses if one[1]], services.outside_pause()),
            frozen=list(services.stance.freezes(services.clock.now())),
            is_ready=not unready,
            unready=unready,
            parts=[PartShape(name=one.name, is_alive=one.is_alive) for one in services.rules.parts()],
            sources=_sources(services),
            store=services.rules.store,
            free_bytes=services.rules.free_bytes(),
            low_disk_bytes=services.rules.low_disk_bytes,
            entries=services.anchors.entries,
            channels=delivery_shapes.channels(states, services.voice).items,
        )

    return routes


def _sources(services: ApiServices) -> list[SourceShape]:
    blind = services.stance.blind_sources()
    return [
        SourceShape(
            source=one.source,
            kind=one.kind,
            is_up=one.is_up,
            checked_at=one.checked_at,
            detail=one.detail,
            is_blind=one.source in blind,
        )
        for one in services.sources()
    ]
