"""The settings `notify`: the channels, the routes to them, and where requests go that nobody has heard."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aetherlink.clients.grafana_options import GrafanaDashboardOptions
from aetherlink.lib.option_types import Name, Url
from aetherlink.model.dashboards import Dashboard
from aetherlink.model.ids import ChannelName
from aetherlink.notifiers.options import NotifierOptions
from aetherlink.outbox.options import DeliveryOptions, RequestOptions, RouteOptions
from aetherlink.outbox.plan import RequestPlan
from aetherlink.playbooks import form_problems


class ChannelOptions(DeliveryOptions, NotifierOptions):
    """One channel: one way to tell somebody, and how it is served."""

    @property
    def usual_spacing(self) -> timedelta:
        """See DeliveryOptions: it depends on whom it tells."""
        return self.spacing_of_its_kind


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

    @property
    def request_plan(self) -> RequestPlan:
        """Where requests go, in the words of the outbox."""
        records = frozenset(ChannelName(name) for name, one in self.channels.items() if one.is_record)
        return replace(self.requests.plan, records=records)

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


def with_grafana_url(data: Any) -> Any:
    """The settings as they were written, where every channel to Grafana has the address of `grafana_url` or its own."""
    match data:
        case {"grafana_url": str(url), "notify": {"channels": dict(channels)}}:
            known = {name: _at_grafana(one, url) for name, one in channels.items()}
            return {**data, "notify": {**data["notify"], "channels": known}}
    return data


def with_external_url(data: Any) -> Any:
    """The settings as they were written, where messages link to `external_url` unless `notify.url` names another."""
    match data:
        case {"external_url": str(url)}:
            notify = data.get("notify") or {}
            if isinstance(notify, dict) and notify.get("url") is None:
                return {**data, "notify": {**notify, "url": url}}
    return data


def _at_grafana(channel: Any, url: str) -> Any:
    match channel:
        case {"grafana": dict(grafana)} if grafana.get("url") is None:
            return {**channel, "grafana": {**grafana, "url": url}}
    return channel


def dashboard_of(
    url: str | None, chosen: GrafanaDashboardOptions | None, channels: Iterable[ChannelOptions]
) -> Dashboard | None:
    """The dashboard that is chosen, else that of the first channel to Grafana that has one.

    `url` is where people reach Grafana; without it, it is where that channel does.
    """
    grafanas = [one.grafana for one in channels if one.grafana is not None]
    address = url or next((one.url for one in grafanas if one.url), None)
    if chosen is not None:
        return chosen.dashboard(address)
    first = next((one for one in grafanas if one.dashboard_uid), None)
    if first is None or first.dashboard_uid is None or (where := url or first.url) is None:
        return None
    return Dashboard(where, first.dashboard_uid, first.org_id)
