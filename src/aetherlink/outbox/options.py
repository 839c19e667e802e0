"""Settings of what every channel has in common, of the routes, and of hours."""

from collections.abc import Iterable
from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from aetherlink.lib.option_types import Count, Duration, Name
from aetherlink.model.deliveries import KEPT_TRYING
from aetherlink.model.ids import ChannelName, PlaybookName, SourceName
from aetherlink.model.incidents import Severity
from aetherlink.model.windows import WeeklyWindow
from aetherlink.outbox.plan import ChannelPlan, RequestPlan
from aetherlink.outbox.routes import Route, Routing
from aetherlink.pausing.freeze_options import DAYS, Day, TimeOfDay, Zone

_Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class HoursOptions(BaseModel):
    """Hours of the week."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, description="On which days they begin.")
    from_: TimeOfDay = Field(alias="from", description='When they begin, in quotes: `"22:00"`.')
    to: TimeOfDay = Field(description="When they end; on the next day when that is not later than `from`.")
    timezone: Zone = Field(default="UTC", description="Whose clock that is, such as `Europe/Berlin`.")

    @property
    def window(self) -> WeeklyWindow:
        """In the words of the model."""
        zone = self.timezone if isinstance(self.timezone, ZoneInfo) else ZoneInfo(self.timezone)
        begins: time = self.from_
        return WeeklyWindow("", frozenset(map(DAYS.index, self.days)), begins, self.to, zone)


class DeliveryOptions(BaseModel):
    """How a channel is served, whatever it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spacing: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=1))] | None = Field(
        default=None, description="The least time between two messages; not set: `1s`, for Grafana `100ms`."
    )
    digest_above: Count = Field(
        default=10,
        ge=1,
        le=1000,
        description="When more incidents than this are new at once, one digest tells of all of them. What a person is "
        "asked, and what is critical for a VIP tenant, is told alone in any case.",
    )
    deadline: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(seconds=30))] = Field(
        default=timedelta(seconds=10), description="How long one attempt may take."
    )
    keep_trying: Annotated[Duration, Field(ge=timedelta(minutes=1), le=KEPT_TRYING)] = Field(
        default=timedelta(days=7), description="What could not be told for so long is given up, and shown as such."
    )
    quiet: tuple[HoursOptions, ...] = Field(
        default=(),
        max_length=20,
        description="Hours in which only what is critical for a VIP tenant is told; the rest is told after them.",
    )

    @property
    def usual_spacing(self) -> timedelta:
        """The spacing where none is set."""
        return timedelta(seconds=1)

    def plan(self, name: str) -> ChannelPlan:
        """In the words of the outbox."""
        return ChannelPlan(
            ChannelName(name),
            spacing=self.usual_spacing if self.spacing is None else self.spacing,
            digest_above=self.digest_above,
            deadline=self.deadline,
            keep_trying=self.keep_trying,
            quiet=tuple(hours.window for hours in self.quiet),
        )


class RouteOptions(BaseModel):
    """Which incidents go to which channels. What is not set fits every incident."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[Name, ...] = Field(max_length=20, description="The channels; empty: nobody is told.")
    severity: tuple[Severity, ...] = Field(default=(), description="One of these severities.")
    tenant: tuple[_Pattern, ...] = Field(
        default=(), max_length=200, description="One of these tenants, by name or pattern (* and ?)."
    )
    vip: bool | None = Field(default=None, description="Whether the tenant comes first.")
    playbook: tuple[Name, ...] = Field(
        default=(), max_length=200, description="One of these playbooks is to repair it."
    )
    source: tuple[Name, ...] = Field(default=(), max_length=200, description="Heard from one of these sources.")
    during: tuple[HoursOptions, ...] = Field(
        default=(), max_length=20, description="Hours of the week in which the route counts."
    )
    goes_on: bool = Field(
        default=False, alias="continue", description="Whether the routes after it are looked at when it fits."
    )

    @property
    def route(self) -> Route:
        """In the words of the outbox."""
        return Route(
            channels=tuple(map(ChannelName, self.channels)),
            severities=frozenset(self.severity),
            tenants=self.tenant,
            vip=self.vip,
            playbooks=frozenset(map(PlaybookName, self.playbook)),
            sources=frozenset(map(SourceName, self.source)),
            during=tuple(hours.window for hours in self.during),
            goes_on=self.goes_on,
        )


class RequestOptions(BaseModel):
    """Where an approval request goes that could not be delivered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: tuple[Name, ...] = Field(
        default=(), max_length=20, description="The channels that are asked one after another until one has heard it."
    )
    within: Annotated[Duration, Field(ge=timedelta(seconds=5), le=timedelta(hours=1))] = Field(
        default=timedelta(seconds=60), description="How long a channel may take to hear it before the next is asked."
    )

    @property
    def plan(self) -> RequestPlan:
        """In the words of the outbox."""
        return RequestPlan(tuple(map(ChannelName, self.order)), self.within)


def routing(routes: Iterable[RouteOptions]) -> Routing:
    """The routes in the words of the outbox."""
    return Routing(tuple(one.route for one in routes))
