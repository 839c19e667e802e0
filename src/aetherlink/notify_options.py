"""The settings `notify`: the channels, the routes to them, and where requests go that nobody has heard."""

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.lib.option_types import Name, Url
from aetherlink.notifiers.options import NotifierOptions
from aetherlink.outbox.options import DeliveryOptions, RequestOptions, RouteOptions
from aetherlink.playbooks import form_problems


class ChannelOptions(DeliveryOptions, NotifierOptions):
    """One channel: one way to tell somebody, and how it is served."""


class NotifyOptions(BaseModel):
    """Who is told, and how. Without channels nobody is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url | None = Field(
        default=None, description="The address under which people reach this agent, for links in messages."
    )
    channels: dict[Name, ChannelOptions] = Field(
        default_factory=dict, max_length=50, description="Who is told, by names of your own."
    )
    routes: tuple[RouteOptions, ...] = Field(
        default=(),
        max_length=200,
        description="Which incidents go to which channels: the first that fits. Without any, every channel is told of "
        "everything.",
    )
    requests: RequestOptions = Field(
        default=RequestOptions(), description="Where an approval request goes that could not be delivered."
    )

    @model_validator(mode="after")
    def _channels_exist(self) -> Self:
        for place, name in self._named():
            if name not in self.channels:
                near = form_problems.nearest(name, self.channels)
                raise ValueError(f"{place}: there is no channel {name!r}{near or ': declare it under notify.channels'}")
        return self

    def _named(self) -> Iterator[tuple[str, str]]:
        for number, route in enumerate(self.routes):
            yield from _at(f"routes.{number}.channels", route.channels)
        yield from _at("requests.order", self.requests.order)


def _at(place: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((place, name) for name in names)
